import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { type BlobRef, refOf } from '../../src/blob/ref.ts'
import type { Constraint, SearchQuery, SearchSort } from '../../src/index/search-query.ts'
import { openSearch } from '../../src/index/search.ts'
import { parseSchema } from '../../src/schema/parse-schema.ts'
import type { Nanoseconds } from '../../src/schema/schema-blob.ts'
import { at, openWorld, owner } from './index-world.ts'
import type { SignedBytes } from './naive-blobs.ts'
import { NaiveIndex } from './naive-index.ts'
import { randomBlobs } from './random-blobs.ts'

const stores = process.env['SLOW'] === '1' ? 1000 : 60
const queriesOfStore = 10

const now = Date.UTC(2026, 0, 4)
const dueUntil = BigInt(now + 10 * 60_000) * 1_000_000n

/** The names and values that the random claims have. */
const ATTRIBUTES = ['title', 'tag'] as const

const moment = fc.option(fc.constantFrom(at(0), at(2), at(4), at(6)), { nil: undefined })

/** Constraints on permanodes: values, their number, dates, deletes behind them, all combined. */
const { constraint } = fc.letrec<{ constraint: Constraint }>(tie => ({
  constraint: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.record({
      permanode: fc.record({
        at: moment,
        attr: fc.constantFrom(...ATTRIBUTES),
        value: fc.constantFrom('a', 'b', 'ü"\n'),
      }),
    }),
    fc.record({
      permanode: fc.record({
        at: moment,
        attr: fc.constantFrom(...ATTRIBUTES),
        numValue: fc.record({ min: fc.nat({ max: 2 }), max: fc.integer({ min: 0, max: 3 }) }),
      }),
    }),
    fc.record({
      permanode: fc.record({
        at: moment,
        modTime: fc.record({ after: fc.constantFrom(at(1), at(3), at(5)) }),
      }),
    }),
    fc.record({
      logical: fc.record({
        op: fc.constantFrom('and' as const, 'or' as const, 'xor' as const),
        a: tie('constraint'),
        b: tie('constraint'),
      }),
    }),
    fc.record({ logical: fc.record({ op: fc.constant('not' as const), a: tie('constraint') }) }),
  ),
}))

const query = fc.record({
  constraint,
  sort: fc.constantFrom<SearchSort>('-mod', 'mod', 'blobref'),
  limit: fc.integer({ min: 1, max: 6 }),
})

/** The same question, asked of every permanode there is, from the statements. */
class NaiveSearch {
  readonly #naive: NaiveIndex
  /** Permanodes of devices: what Peerkeep keeps for itself. */
  readonly #affairs: ReadonlySet<BlobRef>

  constructor(blobs: readonly SignedBytes[]) {
    this.#naive = new NaiveIndex(blobs, { owner: owner.keyId, dueUntil })
    const affairs = blobs.filter(({ bytes }) => {
      const schema = parseSchema(bytes)
      return schema?.type === 'permanode' && schema.key?.startsWith('peerkeep:') === true
    })
    this.#affairs = new Set(affairs.map(({ bytes }) => refOf(bytes)))
  }

  matches(ref: BlobRef, { permanode, logical }: Constraint): boolean {
    if (logical) {
      const a = this.matches(ref, logical.a)
      if (logical.op === 'not') return !a
      const b = logical.b !== undefined && this.matches(ref, logical.b)
      return { and: a && b, or: a || b, xor: a !== b }[logical.op]
    }
    const state = this.#naive.state(ref, permanode?.at)
    if (!permanode || !state) return false
    const { attr, value, numValue, modTime } = permanode
    if (modTime?.after !== undefined && state.modified < modTime.after) return false
    const values = attr === undefined ? [] : (state.attributes[attr] ?? [])
    if (value !== undefined && !values.includes(value)) return false
    const { min = 0, max = Infinity } = numValue ?? {}
    return values.length >= min && values.length <= max
  }

  run({ constraint: asked, sort, limit }: Pick<SearchQuery, 'constraint' | 'sort' | 'limit'>): {
    page: BlobRef[]
    all: BlobRef[]
  } {
    const found: { ref: BlobRef; modified: Nanoseconds }[] = []
    for (const ref of new Set(this.#naive.permanodeRefs())) {
      const state = this.#naive.state(ref)
      if (!state || state.ref !== ref || state.isDeleted || this.#affairs.has(ref)) continue
      const both: Constraint = { logical: { op: 'and', a: { permanode: {} }, b: asked } }
      const isMatch = both.logical?.b !== undefined && this.matches(ref, both.logical.b)
      if (isMatch) found.push({ ref, modified: state.modified })
    }
    found.sort((a, b) => {
      const byRef = a.ref < b.ref ? -1 : 1
      if (sort === 'blobref') return byRef
      const order = a.modified === b.modified ? byRef : a.modified < b.modified ? -1 : 1
      return sort === '-mod' ? -order : order
    })
    const all = found.map(({ ref }) => ref)
    return { page: all.slice(0, limit), all }
  }
}

test('a search finds what a naive look at every statement finds, page after page', async () => {
  let seen = 0
  const property = fc.asyncProperty(
    randomBlobs,
    fc.array(query, { minLength: queriesOfStore, maxLength: queriesOfStore }),
    async (blobs, queries) => {
      const { index, store, clock, add } = await openWorld()
      clock.setWall(now)
      await add(...blobs.map(({ bytes }) => bytes))
      await using _ = index
      const naive = new NaiveSearch(blobs)
      const search = openSearch({
        index: () => index,
        fetch: async ref => store.fetch(ref),
        stat: async refs => store.stat(refs),
        enumerate: () => store.enumerate(),
        clock,
      })
      for (const asked of queries) {
        const expected = naive.run(asked)
        const constraint: Constraint = {
          logical: { op: 'and', a: { camliType: 'permanode' }, b: asked.constraint },
        }
        const whole = { ...asked, constraint, around: undefined, isAboutPlaces: false }
        const pages: BlobRef[] = []
        for (let after: SearchQuery['after']; ;) {
          const { refs, next } = await search.run({ ...whole, after })
          pages.push(...refs)
          after = next
          if (next === undefined) break
        }
        assert.deepEqual(pages, asked.sort === 'blobref' ? expected.page : expected.all)
        seen += pages.length
      }
    },
  )
  await fc.assert(property, { numRuns: stores })
  assert.ok(seen > stores, 'the random queries must find something')
})
