import { PeerkeepError } from '../base/errors.ts'
import { countFiles } from '../files/count-files.ts'

/** What the last backup of a source found. */
export interface SourceCounts {
  readonly files: number
  readonly bytes: number
}

/** A source that has lost this share of its files is taken for a drive that is not mounted. */
const LOST_SHARE_MAX = 0.9

/**
 * Refuses a source that is missing, or has suddenly lost nearly all files of the last backup: an unmounted drive
 * must not become the newest snapshot. Rejects with `REFUSED`.
 */
export async function requirePlausible(
  path: string,
  previous: SourceCounts | undefined,
): Promise<void> {
  const enough = Math.ceil((previous?.files ?? 0) * (1 - LOST_SHARE_MAX))
  const found = await countFiles(path, Math.max(enough, 1))
  if (found === undefined) {
    throw new PeerkeepError(
      'REFUSED',
      `${path} is not there. Is its drive mounted? Nothing was changed.`,
    )
  }
  if (previous === undefined || previous.files === 0 || found >= enough) return
  const gone = Math.round((1 - found / previous.files) * 100)
  throw new PeerkeepError(
    'REFUSED',
    `${gone} % of the files of the last backup of ${path} are gone (${found} of ${previous.files} are left). Is its drive mounted? Nothing was changed; --force stores it as it is.`,
  )
}
