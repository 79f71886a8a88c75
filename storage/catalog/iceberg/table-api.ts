/*
 * What a catalog says of its Iceberg tables to those who attach from outside: names, and the newest metadata of each.
 */

export interface TablesAnswer {
  readonly version: number;
  /** Tables that have a snapshot, by name. */
  readonly names: readonly string[];
}

export interface LoadTableRequest {
  readonly version: number;
  readonly name: string;
}

export type LoadTableAnswer =
  | {
      readonly version: number;
      readonly status: 'found';
      /** Where the metadata stands, as readers find it: `s3://bucket/key`. */
      readonly metadataLocation: string;
      /** The JSON of the metadata, in Iceberg's spelling (table-metadata.ts). */
      readonly metadata: string;
    }
  | { readonly version: number; readonly status: 'unknown' };
