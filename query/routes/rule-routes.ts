import { Hono } from 'hono';
import { badData } from '../../storage/runtime/errors.ts';
import { answer } from '../answer.ts';
import { booleanParameter, invalidParameter, selectorParameters } from '../parameters.ts';
import { success } from '../respond.ts';

/** Rules, alerts and who hears of them, to be mounted at `/api/v1`. There are no rules: the lists are empty, and parameters are checked. */
export function ruleRoutes(): Hono {
  const routes = new Hono();
  routes.get('/rules', (context) =>
    answer(context, (parameters) => {
      checkRuleParameters(parameters);
      return success({ groups: [] });
    }),
  );
  routes.get('/alerts', (context) => answer(context, () => success({ alerts: [] })));
  routes.get('/alertmanagers', (context) => answer(context, () => success({ activeAlertmanagers: [], droppedAlertmanagers: [] })));
  return routes;
}

function checkRuleParameters(parameters: URLSearchParams): void {
  selectorParameters(parameters);
  const type = (parameters.get('type') ?? '').toLowerCase();
  if (!['', 'alert', 'record'].includes(type)) throw invalidParameter('type', `not supported value ${JSON.stringify(type)}`);
  booleanParameter(parameters, 'exclude_alerts', false);
  const limit = parameters.get('group_limit') ?? '';
  const token = parameters.get('group_next_token') ?? '';
  if (limit !== '' && !/^\+?\d+$/.test(limit)) {
    throw invalidParameter('group_limit', `group_limit needs to be a valid number: strconv.ParseInt: parsing ${JSON.stringify(limit)}: invalid syntax`);
  }
  if (limit !== '' && Number(limit) === 0) throw invalidParameter('group_limit', 'group_limit needs to be greater than 0');
  if (token === '') return;
  if (limit === '') throw invalidParameter('group_limit', 'group_limit needs to be set in order to paginate over the groups');
  // A token is of a group that was there a moment ago.
  throw badData(`invalid group_next_token '${token}'. were rule groups changed?`);
}
