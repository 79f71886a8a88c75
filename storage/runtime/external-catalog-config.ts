import { VarveError } from './errors.ts';
import { Secret } from './secret.ts';

/** Variables of the catalog that tables are also kept in. */
export interface ExternalCatalogVariables {
  readonly VARVE_ICEBERG_CATALOG_URI?: string;
  readonly VARVE_ICEBERG_CATALOG_WAREHOUSE?: string;
  /** A secret. */
  readonly VARVE_ICEBERG_CATALOG_TOKEN?: string;
  readonly VARVE_ICEBERG_CATALOG_NAMESPACE?: string;
}

/** An Iceberg REST catalog of somebody else's. */
export interface ExternalCatalogConfig {
  /** Without a slash at its end. */
  readonly uri: string;
  /** What the catalog calls the part of it that is meant; `undefined` where it has but one. */
  readonly warehouse: string | undefined;
  readonly token: Secret | undefined;
  /** Of the tenant `default`; that of another one has the tenant's name behind it. */
  readonly namespace: string;
}

export function readExternalCatalog(variables: ExternalCatalogVariables, isArchived: boolean): ExternalCatalogConfig | undefined {
  const { VARVE_ICEBERG_CATALOG_URI: uri, VARVE_ICEBERG_CATALOG_WAREHOUSE: warehouse, VARVE_ICEBERG_CATALOG_TOKEN: token, VARVE_ICEBERG_CATALOG_NAMESPACE: namespace = 'metrics' } = variables;
  if (uri === undefined) {
    const [left] = Object.entries({ VARVE_ICEBERG_CATALOG_WAREHOUSE: warehouse, VARVE_ICEBERG_CATALOG_TOKEN: token }).filter(([, value]) => value !== undefined);
    if (left !== undefined) throw new VarveError('bad-data', `${left[0]} is set, and VARVE_ICEBERG_CATALOG_URI is not: it must say which catalog is meant`);
    return undefined;
  }
  if (!isArchived) throw new VarveError('bad-data', 'VARVE_ICEBERG_CATALOG_URI is set, and VARVE_ARCHIVE is off: there are no tables for that catalog');
  if (!URL.canParse(uri) || !/^https?:\/\/[^/?#]+(?:\/[^?#]*[^/?#])?$/.test(uri)) {
    throw new VarveError('bad-data', `VARVE_ICEBERG_CATALOG_URI is ${JSON.stringify(uri)}; it must be like https://catalog.cloudflarestorage.com/ACCOUNT/BUCKET, without a slash at its end`);
  }
  if (warehouse === '') throw new VarveError('bad-data', 'VARVE_ICEBERG_CATALOG_WAREHOUSE is empty; it must be as the catalog names it, or not set');
  // It goes into a header.
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token)) throw new VarveError('bad-data', 'VARVE_ICEBERG_CATALOG_TOKEN has characters that a token cannot have');
  if (!/^[a-z][a-z0-9_]{0,63}$/.test(namespace)) throw new VarveError('bad-data', `VARVE_ICEBERG_CATALOG_NAMESPACE is ${JSON.stringify(namespace)}; it must be of small letters, digits and _, at most 64`);
  return { uri, warehouse, token: token === undefined ? undefined : new Secret(token), namespace };
}
