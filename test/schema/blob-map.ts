import { type BlobRef, refOf } from '../../src/blob/ref.ts'
import type { FetchBlob } from '../../src/schema/fetch.ts'
import { type WritableSchema, writeSchema } from '../../src/schema/write-schema.ts'

/** Blobs by ref, for tests of what reads and writes trees. */
export class BlobMap {
  readonly blobs = new Map<BlobRef, Uint8Array>()
  /** How often something was fetched. */
  fetched = 0

  readonly fetch: FetchBlob = async ref => {
    this.fetched += 1
    return this.blobs.get(ref)
  }

  keep(bytes: Uint8Array): BlobRef {
    const ref = refOf(bytes)
    this.blobs.set(ref, bytes)
    return ref
  }

  keepSchema(schema: WritableSchema): BlobRef {
    return this.keep(writeSchema(schema))
  }
}
