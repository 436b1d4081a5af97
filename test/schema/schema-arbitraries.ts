import fc from 'fast-check'

import { type BlobRef, refOf } from '../../src/blob/ref.ts'
import type { Nanoseconds, NodeFields, Part, SchemaBlob } from '../../src/schema/schema-blob.ts'
import type { WritableSchema } from '../../src/schema/write-schema.ts'
import { scanJson } from '../../src/schema/json-guard.ts'

const maybe = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> =>
  fc.option(value, { nil: undefined })

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom(
    '<b>&',
    '\b\f\n\r\t"\\/',
    '\u2028\u2029',
    '\ufeff\ufffd',
    '__proto__',
    '\u017f\u212a',
  ),
)
const someText = text.filter(value => value !== '')

/** Bytes as names have them: often UTF-8, often almost. */
const arbitraryName: fc.Arbitrary<Uint8Array> = fc
  .oneof(
    someText.map(value => Buffer.from(value)),
    fc.uint8Array({ minLength: 1, maxLength: 20 }),
    fc
      .tuple(text, fc.constantFrom('c0af', 'eda080', 'f4908080', 'ff', 'e282', 'f09f98'), text)
      .map(([head, hex, tail]) =>
        Buffer.concat([Buffer.from(head), Buffer.from(hex, 'hex'), Buffer.from(tail)]),
      ),
  )
  .map(bytes => new Uint8Array(bytes))

const ref: fc.Arbitrary<BlobRef> = fc.oneof(
  fc.nat().map(seed => refOf(Buffer.from(String(seed)))),
  fc.nat().map(seed => `sha1-${String(seed).padStart(40, '0')}` as BlobRef),
)

const second = 1_000_000_000n

/** Every time that has a text, most of them near ours, many with a short fraction. */
export const arbitraryTime: fc.Arbitrary<Nanoseconds> = fc.oneof(
  fc.bigInt({ min: -62_167_219_200n * second, max: 253_402_300_800n * second - 1n }),
  fc.integer().map(value => BigInt(value) * second + 500_000_000n),
  fc.constantFrom(-1n, 0n, 1n, -62_167_219_200n * second, 253_402_300_800n * second - 1n),
)

const count = fc.oneof(fc.nat(), fc.constantFrom(0, 2 ** 32 - 2, 2 ** 40))

const nodeFields: fc.Arbitrary<NodeFields> = fc.record({
  name: maybe(arbitraryName),
  permission: maybe(fc.nat({ max: 0o777 })),
  specialMode: maybe(fc.integer({ min: 1, max: 7 }).map(bits => bits * 0o1000)),
  ownerId: maybe(count),
  groupId: maybe(count),
  owner: maybe(text),
  group: maybe(text),
  mtime: maybe(arbitraryTime),
  ctime: maybe(arbitraryTime),
  hardlink: maybe(arbitraryName),
})

const part: fc.Arbitrary<Part> = fc.oneof(
  fc.record({ size: count, blobRef: ref, offset: maybe(fc.integer({ min: 1 })) }),
  fc.record({ size: count, bytesRef: ref, offset: maybe(fc.integer({ min: 1 })) }),
  fc.record({ size: count }),
)

const parts = fc.array(part, { maxLength: 6 })
const refs = fc.array(ref, { maxLength: 6 })
const signed = { signer: ref, date: arbitraryTime }
const claimSigned = { signer: ref, date: arbitraryTime.filter(time => time !== 0n) }
const search = fc
  .dictionary(text, fc.jsonValue({ maxDepth: 3 }))
  // JSON has no -0.
  .map(value => JSON.parse(JSON.stringify(value).toWellFormed()) as Record<string, never>)
  // Keys that differ in case only are refused everywhere in a claim.
  .filter(value => !scanJson(JSON.stringify(value)).hasTwinKeys)
const degrees = fc.double({ min: -180, max: 180, noNaN: true }).map(value => value + 0)

const fact = fc.record({
  file: ref,
  wholeRef: ref,
  size: count,
  mediaType: maybe(text),
  width: maybe(fc.nat()),
  height: maybe(fc.nat()),
  taken: maybe(text),
  camera: maybe(text),
  latitude: maybe(degrees),
  longitude: maybe(degrees),
  duration: maybe(fc.nat()),
  mediaTags: maybe(fc.dictionary(someText, text, { maxKeys: 3 })),
  rating: maybe(fc.integer({ min: -1, max: 5 })),
  label: maybe(text),
  keywords: maybe(fc.array(text, { maxLength: 3 })),
  text: maybe(text),
})

const claim = fc.oneof(
  fc.record({
    claimType: fc.constantFrom('set-attribute' as const, 'add-attribute' as const),
    permanode: ref,
    attribute: someText,
    value: text,
  }),
  fc.record({
    claimType: fc.constant('del-attribute' as const),
    permanode: ref,
    attribute: someText,
    value: maybe(someText),
  }),
  fc.record({ claimType: fc.constant('delete' as const), target: ref }),
  fc.record({
    claimType: fc.constant('share' as const),
    authType: text,
    transitive: fc.boolean(),
    target: maybe(ref),
    search: maybe(search),
    expires: maybe(arbitraryTime),
  }),
  fc.record({
    claimType: fc.constant('unknown' as const),
    name: fc.constantFrom('multi', 'x', '__proto__'),
  }),
)

/** Schema of every type that can be written. */
export const schemaByType: Readonly<Record<WritableSchema['type'], fc.Arbitrary<WritableSchema>>> =
  {
    file: fc
      .tuple(nodeFields, parts)
      .map(([fields, list]) => ({ type: 'file', ...fields, parts: list })),
    bytes: parts.map(list => ({ type: 'bytes', parts: list })),
    directory: fc
      .tuple(nodeFields, ref)
      .map(([fields, entries]) => ({ type: 'directory', ...fields, entries })),
    'static-set': fc.oneof(
      refs.map(members => ({ type: 'static-set' as const, members })),
      refs.map(mergeSets => ({ type: 'static-set' as const, mergeSets })),
    ),
    symlink: fc
      .tuple(nodeFields, arbitraryName)
      .map(([fields, target]) => ({ type: 'symlink', ...fields, target })),
    fifo: nodeFields.map(fields => ({ type: 'fifo', ...fields })),
    socket: nodeFields.map(fields => ({ type: 'socket', ...fields })),
    permanode: fc.record({
      type: fc.constant('permanode'),
      ...signed,
      key: maybe(text),
      random: maybe(text),
    }),
    claim: fc.record({ type: fc.constant('claim'), ...claimSigned, claim }),
    facts: fc.record({
      type: fc.constant('facts'),
      ...signed,
      facts: fc.array(fact, { maxLength: 4 }),
    }),
  }

/** What schema says, in a form that deepEqual can compare: absent keys and undefined are one. */
export function said(schema: SchemaBlob | undefined): unknown {
  return schema && strip(schema)
}

function strip(value: unknown): unknown {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}`
  if (Array.isArray(value)) return value.map(strip)
  if (typeof value !== 'object' || value === null) return value
  const kept = Object.entries(value).filter(([, item]) => item !== undefined)
  return new Map(kept.map(([key, item]) => [key, strip(item)]))
}
