import { Hono } from 'hono';
import { parseExpr, prettyExpression, type Expr } from '../../promql/parser/index.ts';
import { answer } from '../answer.ts';
import { aboutParameter, queryParameter } from '../parameters.ts';
import { success } from '../respond.ts';
import { expressionJson } from '../text/expression-json.ts';

/** What is asked of a query's text alone, to be mounted at `/api/v1`. */
export function languageRoutes(): Hono {
  const routes = new Hono();
  const both = ['GET', 'POST'];
  routes.on(both, '/format_query', (context) => answer(context, (parameters) => success(prettyExpression(parsed(parameters)))));
  routes.on(both, '/parse_query', (context) => answer(context, (parameters) => success(expressionJson(parsed(parameters)))));
  return routes;
}

function parsed(parameters: URLSearchParams): Expr {
  const query = queryParameter(parameters);
  return aboutParameter('query', () => parseExpr(query));
}
