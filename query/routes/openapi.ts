import { LIMITS } from '../../storage/runtime/limits.ts';
import { VARVE_VERSION } from '../version.ts';
import { API_OPERATIONS, type Operation } from './openapi-operations.ts';

/** What parameters mean that are not said by others. */
const PARAMETERS: Readonly<Record<string, string>> = {
  query: 'A PromQL expression.',
  time: 'Evaluation time: Unix seconds or RFC 3339. Now by default.',
  start: 'Beginning of the time range: Unix seconds or RFC 3339.',
  end: 'End of the time range, included: Unix seconds or RFC 3339.',
  step: 'Resolution: seconds or a duration such as 15s.',
  timeout: 'Evaluation ends with an error after this: seconds or a duration.',
  limit: 'At most so many results; 0 means no limit. A warning says when there were more.',
  max_source_resolution: 'The coarsest roll-ups that may answer where they do not say the same as samples: "auto" (a fifth of the step), 5m, 1h; 0s for samples alone.',
  lookback_delta: 'How far back an instant selector looks for a sample: seconds or a duration.',
  stats: 'true or all: statistics of the query are part of the answer.',
  explain: 'plan or analyze: the plan of the query is part of the answer.',
  partial_response: 'true: parts of the data that cannot be read are named in warnings instead of failing the request.',
  'match[]': 'A series selector; may be given several times, and any of them counts.',
  'search[]': `A term; may be given up to ${LIMITS.searchTermsMax} times, and any of them counts.`,
  cursor: 'Where to begin: oldest, latest (the default), or the id of an event.',
  per_sample: 'true: an event for each sample.',
  live: 'false: ends when everything has been told.',
  db: 'Becomes the label db, where a line has no tag of that name.',
  bucket: 'As db.',
  precision: 'The unit of timestamps: ns (the default), us, ms or s.',
};

/** Parameters that are not Prometheus'. */
const PARAMETER_OF_OTHERS = new Set(['warehouse', 'parent', 'snapshots', 'list-type', 'prefix', 'delimiter', 'max-keys', 'start-after', 'continuation-token', 'encoding-type', 'location']);

interface Parameter {
  readonly name: string;
  readonly in: 'query' | 'path';
  readonly required?: true;
  readonly description: string;
  readonly schema: { readonly type: 'string' | 'array'; readonly items?: { readonly type: 'string' } };
}

/** The OpenAPI 3.1 document of what this build serves, as YAML. */
export function openapiYaml(): string {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of API_OPERATIONS) {
    const path = (paths[named(operation.path).replaceAll(/:(\w+)/g, '{$1}')] ??= {});
    for (const method of operation.methods) path[method.toLowerCase()] = operationObject(operation, method);
  }
  return yaml({
    openapi: '3.1.0',
    info: { title: 'Varve', version: VARVE_VERSION, description: 'The Prometheus HTTP API and the doors in, as this build serves them.' },
    security: [{ bearer: [] }, { basic: [] }, {}],
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' }, basic: { type: 'http', scheme: 'basic' } },
      schemas: {
        Success: {
          type: 'object',
          required: ['status', 'data'],
          properties: { status: { const: 'success' }, data: {}, warnings: { type: 'array', items: { type: 'string' } }, infos: { type: 'array', items: { type: 'string' } } },
        },
        Error: {
          type: 'object',
          required: ['status', 'errorType', 'error'],
          properties: { status: { const: 'error' }, errorType: { type: 'string' }, error: { type: 'string' } },
        },
      },
    },
  });
}

/** A path whose rest may be anything, with a name for the rest. */
function named(path: string): string {
  return path.replace(/\/\*$/, '/:key');
}

function operationObject({ path: pattern, summary, parameters = [], answer = 'json', body }: Operation, method: string): unknown {
  const path = named(pattern);
  const inPath = [...path.matchAll(/:(\w+)/g)].map(([, name]): Parameter => ({ name: name!, in: 'path', required: true, description: `The ${name} in the path.`, schema: { type: 'string' } }));
  const inQuery = parameters.map(parameterObject);
  const requestBody = body === undefined ? {} : { requestBody: { content: Object.fromEntries(body.map((type) => [type, {}])) } };
  return {
    operationId: `${method.toLowerCase()}${path.replaceAll(/\W+(\w)/g, (_, letter: string) => letter.toUpperCase()).replaceAll(/\W/g, '')}`,
    summary,
    parameters: [...inPath, ...inQuery],
    ...requestBody,
    responses: { ...success(answer), default: { description: 'What went wrong.', content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } } } },
  };
}

function success(answer: NonNullable<Operation['answer']>): Record<string, unknown> {
  if (answer === 'none') return { 204: { description: 'Done.' } };
  if (answer === 'json') return { 200: { description: 'The answer.', content: { 'application/json': { schema: { $ref: '#/components/schemas/Success' } } } } };
  return { 200: { description: 'The answer.', content: { [answer]: {} } } };
}

function parameterObject(name: string): Parameter {
  const schema = name.endsWith('[]') ? ({ type: 'array', items: { type: 'string' } } as const) : ({ type: 'string' } as const);
  const whose = PARAMETER_OF_OTHERS.has(name) ? 'S3 or in Iceberg’s REST catalog' : 'Prometheus';
  return { name, in: 'query', description: PARAMETERS[name] ?? `The parameter ${name}, as in ${whose}.`, schema };
}

/** Block YAML of plain JSON values; strings in JSON's quotes, which YAML reads alike. */
function yaml(value: unknown, indent = ''): string {
  if (Array.isArray(value)) {
    if (value.length === 0) return ' []\n';
    return `\n${value.map((item) => `${indent}-${yaml(item, `${indent}  `)}`).join('')}`;
  }
  if (typeof value !== 'object' || value === null) return ` ${JSON.stringify(value)}\n`;
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  if (entries.length === 0) return ' {}\n';
  const text = entries.map(([key, item]) => `${indent}${keyText(key)}:${yaml(item, `${indent}  `)}`).join('');
  return indent === '' ? text : `\n${text}`;
}

/** A status is a string too, and written as those who write such documents by hand do. */
function keyText(key: string): string {
  if (/^[a-zA-Z]\w*$/.test(key)) return key;
  return /^\d+$/.test(key) ? `'${key}'` : JSON.stringify(key);
}
