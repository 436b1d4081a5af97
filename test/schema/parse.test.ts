import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { refOf } from '../../src/blob/ref.ts'
import { classifyBlob } from '../../src/schema/classify.ts'
import { SCHEMA_SIZE_MAX } from '../../src/schema/limits.ts'
import { neededRefs, parseSchema, refsIn } from '../../src/schema/parse-schema.ts'
import { said } from './schema-arbitraries.ts'

const [a, b, c] = [refOf(Buffer.from('a')), refOf(Buffer.from('b')), refOf(Buffer.from('c'))]

const parse = (text: string) => parseSchema(Buffer.from(text))

/** A blob of these fields in a layout that nobody's canonical form has. */
const blob = (fields: object) => JSON.stringify({ camliVersion: 1, ...fields })

const file = { camliType: 'file', parts: [{ blobRef: a, size: 3 }] }
const claim = {
  camliType: 'claim',
  camliSigner: a,
  claimDate: '2020-01-02T03:04:05Z',
  claimType: 'set-attribute',
  permaNode: b,
  attribute: 'tag',
  value: 'x',
}
const permanode = {
  camliType: 'permanode',
  camliSigner: a,
  claimDate: '2020-01-02T03:04:05Z',
  random: 'eHh4',
}
const share = { ...claim, claimType: 'share', authType: 'haveref', transitive: true, target: b }
const facts = {
  ...permanode,
  camliType: 'peerkeep-facts',
  facts: [{ file: a, wholeRef: b, size: 3 }],
}

describe('layouts that Perkeep reads', () => {
  const expected = said({ type: 'file', name: Buffer.from('é'), parts: [{ size: 3, blobRef: a }] })

  for (const [what, text] of [
    ['compact', blob({ ...file, fileName: 'é' })],
    [
      'blanks everywhere',
      `{\r\n\t "camliVersion" :\t1 ,"camliType":"file","fileName":"é","parts":[ {"blobRef":"${a}" , "size" : 3}\n]\n}\r\n\t `,
    ],
    [
      'keys in any case',
      `{"camliVersion":1,"CAMLITYPE":"file","FileName":"é","Parts":[{"BLOBREF":"${a}","Size":3}]}`,
    ],
    [
      'keys that Go folds',
      `{"camliVersion":1,"camliType":"file","fileName":"é","part\u017f":[{"bloBref":"${a}","\u017fize":3}]}`,
    ],
    [
      'escapes',
      `{"camliVersion":1,"camliType":"\\u0066ile","file\\u004eame":"\\u00e9","parts":[{"blobRef":"${a}","size":3}]}`,
    ],
    [
      'keys of others',
      blob({
        ...file,
        fileName: 'é',
        ['__proto__']: 5,
        constructor: 1,
        inodeId: 4,
        unixXattrs: [],
      }),
    ],
    [
      'null for what is absent',
      blob({ ...file, fileName: 'é', unixMtime: null, unixOwnerId: null, fileNameBytes: null }),
    ],
  ] as const) {
    test(what, () => {
      assert.deepEqual(said(parse(text)), expected)
    })
  }

  test('a name as bytes, under either of the keys', () => {
    const bytes = ['caf', 233, '-', 255, 254, '.txt']
    const expectedName = Buffer.from('636166e92dfffe2e747874', 'hex')
    const parsed = parse(blob({ ...file, fileNameBytes: bytes, fileName: '' }))
    assert.deepEqual(
      said(parsed),
      said({ type: 'file', name: expectedName, parts: [{ size: 3, blobRef: a }] }),
    )
  })

  test('sets, directories, links', () => {
    assert.deepEqual(
      said(parse(blob({ camliType: 'static-set', mergeSets: [b, a] }))),
      said({ type: 'static-set', mergeSets: [b, a] }),
    )
    assert.deepEqual(said(parse(blob({ camliType: 'static-set' }))), said({ type: 'static-set' }))
    assert.deepEqual(
      said(parse(blob({ camliType: 'directory', entries: a }))),
      said({ type: 'directory', entries: a }),
    )
    const link = { type: 'symlink', target: Buffer.from([0xff]) } as const
    assert.deepEqual(
      said(parse(blob({ camliType: 'symlink', symlinkTargetBytes: [255] }))),
      said(link),
    )
  })

  test('details that cannot be read are unknown, the content is not lost', () => {
    const strange = {
      unixMtime: 'yesterday',
      unixPermission: '0999',
      unixOwnerId: -2,
      unixGroupId: -2,
    }
    assert.deepEqual(said(parse(blob({ ...file, ...strange }))), said(parse(blob(file))))
  })

  test('parts as any reader takes them', () => {
    const parts = [{ size: 1 }, { bytesRef: b, offset: 2, size: 5 }, { blobRef: '', size: 2 }, {}]
    const read = [{ size: 1 }, { size: 5, bytesRef: b, offset: 2 }, { size: 2 }, { size: 0 }]
    assert.deepEqual(said(parse(blob({ ...file, parts }))), said({ type: 'file', parts: read }))
    assert.deepEqual(said(parse(blob({ camliType: 'file' }))), said({ type: 'file', parts: [] }))
  })

  test('schema up to the limit, and no larger', () => {
    const text = blob(file)
    assert.equal(parse(text.padEnd(SCHEMA_SIZE_MAX))?.type, 'file')
    assert.equal(parse(text.padEnd(SCHEMA_SIZE_MAX + 1)), undefined)
  })

  test('types of later versions', () => {
    assert.deepEqual(parse(blob({ camliType: 'keep', target: a })), {
      type: 'unknown',
      camliType: 'keep',
    })
    assert.deepEqual(
      refsIn(Buffer.from(blob({ camliType: 'keep', of: [{ x: b }, a], not: `${c} ` }))),
      [a, b].sort(),
    )
    const multi = parse(blob({ ...claim, claimType: 'multi', claims: [] }))
    assert.deepEqual(multi?.type === 'claim' && multi.claim, {
      claimType: 'unknown',
      name: 'multi',
    })
  })
})

describe('what is no schema', () => {
  for (const [what, text] of [
    ['no version', JSON.stringify({ ...file, x: 'camliVersion' })],
    ['version 2', JSON.stringify({ ...file, camliVersion: 2 })],
    ['version "1"', JSON.stringify({ ...file, camliVersion: '1' })],
    ['no type', blob({})],
    ['a blank before it', ` ${blob(file)}`],
    ['a byte order mark before it', `\ufeff${blob(file)}`],
    ['something behind it', `${blob(file)}{}`],
    ['another blank behind it', `${blob(file)}\u00a0`],
    ['an array', `[${blob(file)}]`],
    ['half of it', blob(file).slice(0, -1)],
    ['deep nesting', `${blob(file).slice(0, -1)},"x":${'['.repeat(64)}${']'.repeat(64)}}`],
  ] as const) {
    test(what, () => {
      assert.equal(parse(text), undefined)
      assert.equal(classifyBlob(Buffer.from(text)), 'data')
    })
  }

  const wrong: readonly (readonly [string, object])[] = [
    ['type', { camliType: 5 }],
    ['parts: null part', { ...file, parts: [null] }],
    ['parts: object', { ...file, parts: {} }],
    ['part with two refs', { ...file, parts: [{ blobRef: a, bytesRef: b, size: 1 }] }],
    ['part with a bad ref', { ...file, parts: [{ blobRef: 'sha224-0', size: 1 }] }],
    ['size: text', { ...file, parts: [{ blobRef: a, size: '1' }] }],
    ['size: fraction', { ...file, parts: [{ blobRef: a, size: 1.5 }] }],
    ['size: negative', { ...file, parts: [{ blobRef: a, size: -1 }] }],
    ['size: too large', { ...file, parts: [{ blobRef: a, size: 2 ** 53 }] }],
    [
      'sizes: too large',
      { ...file, parts: Array.from({ length: 2 }, () => ({ size: 2 ** 53 - 1 })) },
    ],
    ['offset: negative', { ...file, parts: [{ blobRef: a, size: 1, offset: -1 }] }],
    ['fileName: array', { ...file, fileName: ['x'] }],
    ['fileNameBytes: text', { ...file, fileNameBytes: 'x' }],
    ['fileNameBytes: 256', { ...file, fileNameBytes: [256] }],
    ['fileNameBytes: -1', { ...file, fileNameBytes: [-1] }],
    ['fileNameBytes: nested', { ...file, fileNameBytes: [['x']] }],
    ['unixPermission: number', { ...file, unixPermission: 420 }],
    ['unixMtime: number', { ...file, unixMtime: 5 }],
    ['unixOwner: number', { ...file, unixOwner: 5 }],
    ['unixOwnerId: text', { ...file, unixOwnerId: '5' }],
    ['peerkeepHardlink: object', { ...file, peerkeepHardlink: {} }],
    ['directory without entries', { camliType: 'directory' }],
    ['members: text', { camliType: 'static-set', members: a }],
    ['members: no ref', { camliType: 'static-set', members: ['x'] }],
    ['mergeSets: no ref', { camliType: 'static-set', mergeSets: [null] }],
    ['permanode without signer', { ...permanode, camliSigner: undefined }],
    ['permanode without date', { ...permanode, claimDate: undefined }],
    ['permanode key: number', { ...permanode, key: 5 }],
    ['claim at 1970', { ...claim, claimDate: '1970-01-01T00:00:00Z' }],
    ['claim without type', { ...claim, claimType: undefined }],
    ['claimType: number', { ...claim, claimType: 5 }],
    ['claim without permanode', { ...claim, permaNode: undefined }],
    ['claim without attribute', { ...claim, attribute: '' }],
    ['value: number', { ...claim, value: 5 }],
    ['delete without target', { ...claim, claimType: 'delete' }],
    ['share target: no ref', { ...share, target: 'x' }],
    ['share search: array', { ...share, search: [] }],
    ['share transitive: text', { ...share, transitive: 'true' }],
    ['share authType: number', { ...share, authType: 5 }],
    ['share expires: no time', { ...share, expires: 'never' }],
    ['share expires: number', { ...share, expires: 5 }],
    ['facts: object', { ...facts, facts: {} }],
    ['facts: null', { ...facts, facts: [null] }],
    ['facts without size', { ...facts, facts: [{ file: a, wholeRef: b }] }],
    ['facts width: text', { ...facts, facts: [{ file: a, wholeRef: b, size: 1, width: '5' }] }],
  ]
  for (const [what, fields] of wrong) {
    test(`wrong ${what}`, () => {
      assert.equal(parse(blob(fields)), undefined)
    })
  }
})

describe('one signature, one meaning', () => {
  const signed = { claim, permanode, share, facts }
  for (const [what, fields] of Object.entries(signed)) {
    test(`${what} with twin keys, or keys that only Go takes for known ones`, () => {
      const text = blob(fields)
      assert.notEqual(parse(text), undefined)
      const add = (more: string) => `${text.slice(0, -1)},${more}}`
      for (const more of [
        `"camliSigner":"${b}"`,
        `"camli\\u0053igner":"${b}"`,
        `"CAMLISIGNER":"${b}"`,
        `"camli\u017figner":"${b}"`,
        '"x":{"y":1,"Y":2}',
        '"x":[{"\u212a":1,"k":2}]',
        `"${what === 'permanode' || what === 'facts' ? 'KEY' : 'ATTRIBUTE'}":"z"`,
        '"\u212aey":"z"',
        '"EXPIRES":"2030-01-01T00:00:00Z"',
      ]) {
        assert.equal(parse(add(more)), undefined, more)
      }
      assert.notEqual(parse(add('"x":{"y":1,"z":2},"w":[{"y":1},{"y":1}]')), undefined)
    })
  }

  test('a key that is spelled otherwise is not taken for an absent one', () => {
    assert.equal(
      parse(blob({ ...claim, claimType: 'del-attribute', value: undefined, VALUE: 'x' })),
      undefined,
    )
  })

  test('text with half a surrogate pair is the text that its bytes will be', () => {
    const parsed = parse(blob({ ...claim, value: '?' }).replace('?', '\\ud800'))
    assert.ok(parsed?.type === 'claim' && parsed.claim.claimType === 'set-attribute')
    assert.equal(parsed.claim.value, '\ufffd')
    const search = blob({ ...share, search: { '?': [{ x: '?' }] } }).replaceAll('?', '\\ud800')
    const found = parse(search)
    assert.ok(found?.type === 'claim' && found.claim.claimType === 'share')
    assert.deepEqual(found.claim.search, { '\ufffd': [{ x: '\ufffd' }] })
  })
})

test('keys that are names of prototypes are keys like any other', () => {
  const search = '{"__proto__":{"x":1},"constructor":{"prototype":{"x":1}}}'
  const parsed = parse(
    `${blob(share).slice(0, -1)},"search":${search},"__proto__":{"camliType":"file"}}`,
  )
  assert.ok(parsed?.type === 'claim' && parsed.claim.claimType === 'share')
  assert.equal(JSON.stringify(parsed.claim.search), search)
  assert.equal('x' in {}, false)
  assert.equal(parse('{"__proto__":{"camliVersion":1,"camliType":"file"}}'), undefined)
})

test('the refs that a blob cannot do without', () => {
  const needs = (fields: object) => {
    const parsed = parse(blob(fields))
    assert.ok(parsed)
    return neededRefs(parsed)
  }
  assert.deepEqual(
    needs({
      ...file,
      parts: [
        { blobRef: a, size: 1 },
        { bytesRef: b, size: 1 },
        { blobRef: a, size: 1 },
        { size: 4 },
      ],
    }),
    [a, b],
  )
  assert.deepEqual(needs({ camliType: 'directory', entries: c }), [c])
  assert.deepEqual(needs({ camliType: 'static-set', mergeSets: [b, a] }), [b, a])
  assert.deepEqual(needs({ ...claim, value: c }), [a, b, c])
  assert.deepEqual(needs(share), [a, b])
  assert.deepEqual(needs({ ...claim, claimType: 'delete', target: c }), [a, c])
  assert.deepEqual(needs(permanode), [a])
  assert.deepEqual(needs({ camliType: 'fifo' }), [])
})

describe('where blobs belong', () => {
  for (const [what, bytes, kind] of [
    ['schema', blob(file), 'meta'],
    ['schema of an unknown type', blob({ camliType: 'x' }), 'meta'],
    ['an SSH key', 'ssh-ed25519 AAAA', 'meta'],
    ['an OpenPGP key', '-----BEGIN PGP PUBLIC KEY BLOCK-----\n', 'meta'],
    ['nothing', '', 'data'],
    ['other JSON', '{"x":1}', 'data'],
    [
      'text that begins like a key but is too long for one',
      'ssh-ed25519 '.padEnd(256 * 1024 + 1),
      'data',
    ],
  ] as const) {
    test(`${what}: ${kind}`, () => {
      assert.equal(classifyBlob(Buffer.from(bytes)), kind)
    })
  }
})
