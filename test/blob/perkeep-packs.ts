import { hash } from 'node:crypto'
import { join } from 'node:path'

import { nodeFiles } from '../../src/base/node-files.ts'
import type { CheckedIndex, CheckedPacks, CheckedRow } from '../../src/blob/check-source.ts'
import { scanPack } from '../../src/blob/pack-scan.ts'
import type { BlobRef } from '../../src/blob/ref.ts'

/**
 * A record as Perkeep's diskpacked writes it, from the description of the format alone: so that our
 * own encoder and this one hold each other to it.
 */
export function perkeepRecord(content: Uint8Array | string, hashName = 'sha224'): Buffer {
  const bytes = Buffer.from(content)
  return Buffer.concat([
    Buffer.from(`[${hashName}-${hash(hashName, bytes, 'hex')} ${bytes.length}]`),
    bytes,
  ])
}

/** What Perkeep leaves of a record when its blob is deleted. */
export function perkeepDeleted(content: string, hashName = 'sha224'): Buffer {
  const digits = hash(hashName, content, 'hex').length
  const mark = `[${'x'.repeat(hashName.length)}-${'0'.repeat(digits)} ${content.length}]`
  return Buffer.concat([Buffer.from(mark), Buffer.alloc(content.length)])
}

export function packPath(directory: string, pack: number): string {
  return join(directory, `pack-${String(pack).padStart(5, '0')}.blobs`)
}

/** The packs of a directory, for what reads them. */
export function packsIn(directory: string, count: number): CheckedPacks {
  return {
    count: () => count,
    fileOf: pack => packPath(directory, pack),
    length: pack => nodeFiles.fileSize(packPath(directory, pack)),
    openForReading: pack => nodeFiles.open(packPath(directory, pack), 'read'),
  }
}

/** Rows as a plain map: what an index knew of the packs when it was made. */
export interface TestIndex extends CheckedIndex {
  readonly rows: Map<BlobRef, CheckedRow>
}

/** Walks the packs and remembers where everything lies, as a rebuild of a lost index does. */
export async function indexOf(
  packs: CheckedPacks,
  payloads: 'verify' | 'skip',
): Promise<TestIndex> {
  const rows = new Map<BlobRef, CheckedRow>()
  const lengths: (number | undefined)[] = []
  for (let pack = 0; pack < packs.count(); pack++) {
    lengths.push(await packs.length(pack))
    const file = await packs.openForReading(pack)
    if (file === undefined) continue
    for await (const event of scanPack(file, { payloads })) {
      if (event.kind !== 'blob' || rows.has(event.ref)) continue
      const { ref, size, payloadOffset } = event
      rows.set(ref, { side: 'data', pack, offset: payloadOffset, size, number: rows.size })
    }
    await file.close()
  }
  return {
    rows,
    blobs: async refs => refs.map(ref => rows.get(ref)),
    async *enumerate() {
      yield* [...rows].sort(([a], [b]) => (a < b ? -1 : 1))
    },
    async *enumerateQuarantined() {},
    syncedLength: async (_, pack) => lengths[pack],
  }
}
