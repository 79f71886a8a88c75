import { badData } from '../runtime/errors.ts';
import type { Sql } from '../runtime/sql.ts';
import type { StoreSettings } from './options.ts';
import { StoreEngine } from './store-engine.ts';

interface OpenEngine {
  readonly engine: StoreEngine;
  /** Of the first store that had any: what it removes unasked, as text. */
  rules: string | undefined;
}

/** By database and prefix of the tables. */
const engines = new WeakMap<object, Map<string, OpenEngine>>();

/**
 * The engine of a name in a database, one for all stores of that name: two would not see each other's samples. Two stores that remove values by
 * different rules are not meant to be one, whose values would be kept by the shorter of both.
 */
export function engineOf(owner: object, sql: () => Sql, settings: StoreSettings): StoreEngine {
  const tablePrefix = tablePrefixOf(settings.name);
  let ofOwner = engines.get(owner);
  if (ofOwner === undefined) engines.set(owner, (ofOwner = new Map<string, OpenEngine>()));
  const { rules, random, clock, archive } = settings;
  const open = ofOwner.get(tablePrefix);
  if (open === undefined) {
    const engine = new StoreEngine({ database: sql(), tablePrefix, ports: { random, clock }, archive });
    ofOwner.set(tablePrefix, { engine, rules });
    return engine;
  }
  if (open.rules !== undefined && rules !== undefined && open.rules !== rules) {
    throw badData(`there is a store over this database already, with ${open.rules}, and now one with ${rules}: give each a name of its own, as in { name: 'audit' }, or both the same options`);
  }
  open.rules ??= rules;
  open.engine.attach(archive);
  return open.engine;
}

/** Names have no two underscores in a row: no table is of two stores. */
function tablePrefixOf(name: string | undefined): string {
  return name === undefined ? 'timeseries_' : `timeseries__${name}__`;
}
