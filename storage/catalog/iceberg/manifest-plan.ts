/** A manifest that is in the table, as the plan needs it. */
export interface ManifestSize {
  readonly manifest: number;
  /** First day of its partition; `undefined` when its files are of several. */
  readonly day: number | undefined;
  readonly liveFiles: number;
}

export interface ManifestPlanInput {
  /** First day of a partition → files that come. */
  readonly addedByDay: ReadonlyMap<number, number>;
  /** Manifests that name a file that goes. */
  readonly hit: readonly ManifestSize[];
  /** The other manifests of the partitions to which files come. */
  readonly others: readonly ManifestSize[];
  readonly manifestFilesMax: number;
}

/**
 * Which manifests the next snapshot writes anew, in one with what changes. Those that name a file that goes must be. Beside them, in a
 * partition that files come to, those that are not larger than what is written anyway, the smallest first: so a file is written again
 * only when its manifest doubles, and a partition of n files has about log n manifests, none of more than `manifestFilesMax` files.
 */
export function planManifests({ addedByDay, hit, others, manifestFilesMax }: ManifestPlanInput): number[] {
  const rewritten = hit.map(({ manifest }) => manifest);
  for (const [day, added] of addedByDay) {
    const ofDay = (manifests: readonly ManifestSize[]): ManifestSize[] => manifests.filter((each) => each.day === day);
    let files = ofDay(hit).reduce((sum, { liveFiles }) => sum + liveFiles, added);
    for (const { manifest, liveFiles } of ofDay(others).sort((a, b) => a.liveFiles - b.liveFiles || a.manifest - b.manifest)) {
      if (liveFiles > files || files + liveFiles > manifestFilesMax) break;
      files += liveFiles;
      rewritten.push(manifest);
    }
  }
  return rewritten;
}
