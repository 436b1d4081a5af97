import { PeerkeepError } from '../base/errors.ts'
import type { FileLayer } from '../base/files.ts'

/** What stays free of a disk for everybody else: bytes, or a share of the disk. */
export type Reserve = { readonly bytes: number } | { readonly share: number }

const GB = 1e9
const units: Readonly<Record<string, number>> = { '': 1, kB: 1e3, MB: 1e6, GB, TB: 1e12 }

/** By default a tenth of a disk, of a large one 20 GB. */
const SHARE_DEFAULT = 0.1
const BYTES_DEFAULT_MAX = 20 * GB

/** Reads `20GB`, `500 MB`, or `10%`. Throws `BAD_CONFIG`, its message beginning with `what`. */
export function parseReserve(text: string, what: string): Reserve {
  const [, number, unit = ''] = /^(\d{1,15}(?:\.\d{1,6})?) ?(%|kB|MB|GB|TB)?$/.exec(text) ?? []
  const factor = units[unit]
  if (number !== undefined && unit === '%' && Number(number) <= 100)
    return { share: Number(number) / 100 }
  if (number !== undefined && factor !== undefined) return { bytes: Number(number) * factor }
  throw new PeerkeepError(
    'BAD_CONFIG',
    `${what} must be what stays free of the disk: 20GB, 500MB or 10%`,
  )
}

/** Bytes that may be stored on the disk of `directory` before it is full up to the reserve; negative below it. */
export async function roomAbove(
  files: FileLayer,
  directory: string,
  reserve: Reserve | undefined,
): Promise<number> {
  const { free, total } = await files.freeSpace(directory)
  return free - reservedBytes(reserve, total)
}

function reservedBytes(reserve: Reserve | undefined, total: number): number {
  if (!reserve) return Math.min(SHARE_DEFAULT * total, BYTES_DEFAULT_MAX)
  return 'bytes' in reserve ? reserve.bytes : reserve.share * total
}
