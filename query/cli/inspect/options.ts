/** How much is printed. */
export interface InspectOptions {
  /** Every page of every column. */
  readonly pages: boolean;
  /** Series listed of a directory, files of a manifest. */
  readonly series: number;
}
