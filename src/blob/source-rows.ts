import { type KeyValue, type KeyValueOperation, prefixRange } from '../base/key-value.ts'
import type { BlobRef } from './ref.ts'
import type { SizedRef } from './store.ts'

/**
 * What is known of a store whose blobs lie inside other things (zips, packs, encrypted blobs): for each ref its size and
 * where it is. The rows are a cache; a second opening with the same ones reads only what is new.
 *
 * | key | value | meaning |
 * |---|---|---|
 * | `b|REF` | size, a blank, a place in the reader's own words | a blob |
 * | `k|NAME` | text | a container that was read, and how far |
 */
export interface SourceRows {
  /** Sizes in the order of `refs`. */
  sizes(refs: readonly BlobRef[]): Promise<(number | undefined)[]>
  find(ref: BlobRef): Promise<PlacedBlob | undefined>
  enumerate(after?: BlobRef): AsyncIterable<SizedRef>
  /** How far a container was read; undefined for one that is new. */
  known(container: string): Promise<string | undefined>
  /** Keeps what a container holds, together with how far it was read. What is known of a blob already stays. */
  keep(container: string, progress: string, blobs: readonly PlacedRef[]): Promise<void>
}

export interface PlacedBlob {
  readonly size: number
  readonly place: string
}

export interface PlacedRef extends PlacedBlob {
  readonly ref: BlobRef
}

export function openSourceRows(rows: KeyValue): SourceRows {
  return {
    async sizes(refs) {
      const values = await rows.getMany(refs.map(ref => `b|${ref}`))
      return values.map(value => (value === undefined ? undefined : decode(value).size))
    },
    async find(ref) {
      const value = await rows.get(`b|${ref}`)
      return value === undefined ? undefined : decode(value)
    },
    async *enumerate(after) {
      const { from, until } = prefixRange('b|')
      // A blank sorts before every character of a ref.
      const begin = after === undefined ? from : `b|${after} `
      for await (const [key, value] of rows.scan({ from: begin, until }))
        yield { ref: key.slice(2) as BlobRef, size: decode(value).size }
    },
    known: container => rows.get(`k|${container}`),
    async keep(container, progress, blobs) {
      const values = await rows.getMany(blobs.map(({ ref }) => `b|${ref}`))
      const puts = blobs.flatMap(({ ref, size, place }, at): KeyValueOperation[] =>
        values[at] === undefined
          ? [{ type: 'put', key: `b|${ref}`, value: `${size} ${place}` }]
          : [],
      )
      await rows.batch([...puts, { type: 'put', key: `k|${container}`, value: progress }])
    },
  }
}

function decode(value: string): PlacedBlob {
  const blank = value.indexOf(' ')
  return { size: Number(value.slice(0, blank)), place: value.slice(blank + 1) }
}
