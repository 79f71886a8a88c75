import { expect, test } from 'vitest';
import { parseExposition } from '../../proto/text-exposition.ts';
import { labelsFrom } from '../../storage/model/labels.ts';
import { writeStale } from '../../storage/model/sample.ts';
import { memoryApi, NOON } from './api.ts';

test('the newest sample of each series, families together, by name', async () => {
  const api = await memoryApi({ shardCount: 2 });
  api.write(0, { __name__: 'b_total', instance: 'x' }, [1, 2], NOON - 5000);
  api.write(1, { __name__: 'a', text: 'q"\\\n' }, [0.5], NOON - 5000);
  api.write(1, { __name__: 'b_total', 'odd.name': 'y' }, [1e21], NOON - 5000);
  api.write(0, { __name__: 'odd.metric' }, [NaN], NOON - 5000);
  const answer = await api.ask('/federate?match[]=b_total&match[]={__name__=~"a|odd.*|b_total"}');
  expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  const text = await answer.text();
  expect(text).toBe(
    [
      '# TYPE a untyped',
      `a{text="q\\"\\\\\\n",instance=""} 0.5 ${NOON - 5000}`,
      '# TYPE b_total untyped',
      `b_total{instance="x"} 2 ${NOON - 4000}`,
      `b_total{"odd.name"="y",instance=""} 1e+21 ${NOON - 5000}`,
      '# TYPE "odd.metric" untyped',
      `{"odd.metric",instance=""} NaN ${NOON - 5000}`,
      '',
    ].join('\n'),
  );
  expect([...parseExposition(text)].map(({ name }) => name)).toContain('b_total');
});

test('what is stale, or older than the look-back, is left out', async () => {
  const api = await memoryApi();
  api.write(0, { __name__: 'old' }, [1], NOON - 300_000);
  api.write(0, { __name__: 'just' }, [1], NOON - 299_999);
  const values = Float64Array.of(0);
  writeStale(values, 0);
  api.shards.storeOf(api.shards.shardNames[0]!).appendLocal([{ labels: labelsFrom({ __name__: 'stale' }), timestampsMs: [NOON], values }]);
  expect(await (await api.ask('/federate?match[]={__name__=~".%2B"}')).text()).toBe(`# TYPE just untyped\njust{instance=""} 1 ${NOON - 299_999}\n`);
});

test('errors', async () => {
  const api = await memoryApi();
  expect((await api.get('/federate')).json['error']).toBe('no match[] parameter provided');
  expect((await api.get('/federate?match[]={')).status).toBe(400);
});
