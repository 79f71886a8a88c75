import type { Context } from 'hono';
import { readParameters } from './parameters.ts';
import { requestIdOf } from './request-id.ts';
import { failure } from './respond.ts';

/** Answers a request of the API from its parameters; what `body` throws becomes the error envelope. */
export async function answer(context: Context, body: (parameters: URLSearchParams) => Response | Promise<Response>): Promise<Response> {
  try {
    return await body(await readParameters(context.req.raw));
  } catch (error) {
    return failure(error, requestIdOf(context));
  }
}
