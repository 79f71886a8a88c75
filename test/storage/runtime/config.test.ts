import { expect, test } from 'vitest';
import { readConfig } from '../../../storage/runtime/config.ts';
import { LIMITS } from '../../../storage/runtime/limits.ts';
import { OTLP_DEFAULTS } from '../../../storage/runtime/otlp-options.ts';

test('without variables everything has its default', () => {
  expect(readConfig({})).toEqual({ limitsOf: expect.any(Function), ha: undefined, shardCount: 1, corsOrigin: '.*', hotRetentionMs: LIMITS.hotRetentionArchivedMs, importRetentionMs: LIMITS.archiveGraceMs, archiveUri: 's3://varve-archive', archiveBucket: 'varve-archive', archiveKeysBegin: '', archiveKeyPrefix: '', externalCatalog: undefined, archiveRetentionMs: LIMITS.archiveRetentionMs, access: { isOpenOnLoopback: false, adminKey: undefined, localKey: undefined, cloudflareAccess: undefined }, otlp: OTLP_DEFAULTS });
});

test.each([['25h', 90_000_000], ['2d', 172_800_000], ['1w', 604_800_000], ['1y', 31_536_000_000], ['1000y', 31_536_000_000_000]])('a retention of %s', (text, retentionMs) => {
  expect(readConfig({ VARVE_HOT_RETENTION: text }).hotRetentionMs).toBe(retentionMs);
});

test.each(['', '24h', '15', '1.5d', '-2d', 'forever', '1001y', `${'9'.repeat(400)}h`])('a retention of %j is refused', (text) => {
  expect(() => readConfig({ VARVE_HOT_RETENTION: text })).toThrow(`VARVE_HOT_RETENTION is ${JSON.stringify(text)}`);
});

test('a retention of the archive', () => {
  expect(readConfig({ VARVE_ARCHIVE_RETENTION: '30d' }).archiveRetentionMs).toBe(30 * 86_400_000);
  expect(() => readConfig({ VARVE_ARCHIVE_RETENTION: '2d' })).toThrow('VARVE_ARCHIVE_RETENTION is "2d"; it must be a duration like 36h or 15d, at least 3d and at most 1000y');
});

test.each(['0', '65', '1.5', 'many'])('%s shards are refused', (text) => {
  expect(() => readConfig({ VARVE_SHARDS: text })).toThrow('a whole number from 1 to 64');
});

test('the bucket of the archive, and where its objects are read', () => {
  expect(readConfig({ VARVE_ARCHIVE_URI: 's3://mine' })).toMatchObject({ archiveBucket: 'mine', archiveKeysBegin: '', archiveS3Endpoint: undefined });
  expect(readConfig({ VARVE_ARCHIVE_URI: 's3://mine/below/it' })).toMatchObject({ archiveBucket: 'mine', archiveKeysBegin: 'below/it/' });
  for (const endpoint of ['https://0123.r2.cloudflarestorage.com', 'http://localhost:9000', 'https://proxy.example/s3']) expect(readConfig({ VARVE_ARCHIVE_S3_ENDPOINT: endpoint }).archiveS3Endpoint).toBe(endpoint);
  for (const bad of ['', 'r2', 's3://mine', 'https://', 'https://x/', 'https://x?y', 'ftp://x']) expect(() => readConfig({ VARVE_ARCHIVE_S3_ENDPOINT: bad }), bad).toThrow('VARVE_ARCHIVE_S3_ENDPOINT is');
});

test('what keys of the archive begin with', () => {
  const uri = 's3://mine/__r2_data_catalog/varve';
  expect(readConfig({ VARVE_ARCHIVE_URI: uri, VARVE_ARCHIVE_KEY_PREFIX: '__r2_data_catalog/varve' })).toMatchObject({ archiveUri: uri, archiveKeyPrefix: '__r2_data_catalog/varve/', archiveKeysBegin: '__r2_data_catalog/varve/' });
  for (const bad of ['', '/x', 'x/', 'x//y', 'a b', 'x'.repeat(201)]) expect(() => readConfig({ VARVE_ARCHIVE_URI: `s3://mine/${bad}`, VARVE_ARCHIVE_KEY_PREFIX: bad }), bad).toThrow(/VARVE_ARCHIVE_(KEY_PREFIX|URI) is/);
  expect(() => readConfig({ VARVE_ARCHIVE_KEY_PREFIX: 'x' })).toThrow('it must end with /x');
});

test('another Iceberg catalog', () => {
  const uri = 'https://catalog.cloudflarestorage.com/0123/mine';
  const { externalCatalog } = readConfig({ VARVE_ICEBERG_CATALOG_URI: uri, VARVE_ICEBERG_CATALOG_WAREHOUSE: '0123_mine', VARVE_ICEBERG_CATALOG_TOKEN: 'secret-token' });
  expect(externalCatalog).toMatchObject({ uri, warehouse: '0123_mine', namespace: 'metrics' });
  expect([externalCatalog!.token!.reveal(), JSON.stringify(externalCatalog)]).toEqual(['secret-token', expect.not.stringContaining('secret-token')]);
  expect(readConfig({ VARVE_ICEBERG_CATALOG_URI: 'http://127.0.0.1:8181', VARVE_ICEBERG_CATALOG_NAMESPACE: 'varve_1' }).externalCatalog).toEqual({ uri: 'http://127.0.0.1:8181', warehouse: undefined, token: undefined, namespace: 'varve_1' });
  expect(() => readConfig({ VARVE_ICEBERG_CATALOG_TOKEN: 'x' })).toThrow('VARVE_ICEBERG_CATALOG_TOKEN is set, and VARVE_ICEBERG_CATALOG_URI is not');
  expect(() => readConfig({ VARVE_ICEBERG_CATALOG_URI: uri, VARVE_ARCHIVE: 'off' })).toThrow('VARVE_ARCHIVE is off');
  for (const bad of ['', 'catalog', 's3://x', `${uri}/`, `${uri}?x`]) expect(() => readConfig({ VARVE_ICEBERG_CATALOG_URI: bad }), bad).toThrow('VARVE_ICEBERG_CATALOG_URI is');
  expect(() => readConfig({ VARVE_ICEBERG_CATALOG_URI: uri, VARVE_ICEBERG_CATALOG_WAREHOUSE: '' })).toThrow('VARVE_ICEBERG_CATALOG_WAREHOUSE is empty');
  expect(() => readConfig({ VARVE_ICEBERG_CATALOG_URI: uri, VARVE_ICEBERG_CATALOG_TOKEN: 'a b' })).toThrow('VARVE_ICEBERG_CATALOG_TOKEN has');
  expect(() => readConfig({ VARVE_ICEBERG_CATALOG_URI: uri, VARVE_ICEBERG_CATALOG_NAMESPACE: 'A' })).toThrow('VARVE_ICEBERG_CATALOG_NAMESPACE is "A"');
});

test('the archive is off, on, or a mistake', () => {
  expect(readConfig({ VARVE_ARCHIVE: 'off' })).toMatchObject({ archiveUri: undefined, hotRetentionMs: LIMITS.hotRetentionMs, importRetentionMs: LIMITS.hotRetentionMs });
  // What is older than the grace is not to go into the hot tier, whose windows are closed by then.
  expect(readConfig({ VARVE_ARCHIVE: 'on' })).toMatchObject({ archiveUri: 's3://varve-archive', hotRetentionMs: LIMITS.hotRetentionArchivedMs, importRetentionMs: LIMITS.archiveGraceMs });
  expect(readConfig({ VARVE_ARCHIVE: 'on', VARVE_ARCHIVE_URI: 's3://mine/below' }).archiveUri).toBe('s3://mine/below');
  expect(() => readConfig({ VARVE_ARCHIVE: 'yes' })).toThrow('VARVE_ARCHIVE is "yes"; it must be on or off');
  expect(() => readConfig({ VARVE_ARCHIVE: 'on', VARVE_ARCHIVE_URI: 'mine/' })).toThrow('VARVE_ARCHIVE_URI is "mine/"');
});
