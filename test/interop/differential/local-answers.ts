import { Engine, type QueryResult } from '../../../promql/engine.ts';
import type { SeriesSource } from '../../../promql/series-source.ts';
import { errorAnswer } from '../../../query/error-answers.ts';
import { successText } from '../../../query/respond.ts';
import { ByteText } from '../../../query/text/byte-text.ts';
import { queryData } from '../../../query/text/result-json.ts';
import { type Answer, type Answering, readAnswer } from './answers.ts';
import type { Query } from './random-queries.ts';

/** Varve's engine over data of any age, which a server would not take, behind the text of its HTTP answers. */
export class LocalAnswers implements Answering {
  readonly #engine: Engine;

  constructor(source: SeriesSource) {
    this.#engine = new Engine({ source });
  }

  async ask(query: Query): Promise<Answer> {
    try {
      const result = await ('timeMs' in query ? this.#engine.instant(query.expression, query) : this.#engine.range(query.expression, query));
      return readAnswer(200, bodyOf(result));
    } catch (error) {
      const { code, message } = errorAnswer(error, 'prometheus', undefined);
      return { kind: 'error', errorType: code, text: message };
    }
  }
}

function bodyOf(result: QueryResult): Buffer {
  const text = new ByteText();
  for (const part of successText(queryData(result), result.annotations)) text.part(part);
  return Buffer.from(text.written());
}
