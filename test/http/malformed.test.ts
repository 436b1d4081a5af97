import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, beforeEach, describe, test } from 'node:test'

import fc from 'fast-check'

import { refOf } from '../../src/blob/ref.ts'
import {
  type Answer,
  ask,
  type Asking,
  type ServedNode,
  serveNode,
  uploadOf,
} from './served-node.ts'

let served: ServedNode
let stored: number

const count = async (): Promise<number> =>
  (await Array.fromAsync(served.node.store.enumerate())).length

before(async () => {
  served = await serveNode()
})
after(() => served[Symbol.asyncDispose]())
beforeEach(async () => {
  stored = await count()
})

const blob = Buffer.from('a blob')
const ref = refOf(blob)
const form = (fields: string): Asking => ({
  method: 'POST',
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
  body: fields,
})
const multipart = (body: string | Buffer, type = 'multipart/form-data; boundary=b'): Asking => ({
  method: 'POST',
  headers: { 'content-type': type },
  body,
})
const many = (n: number): string =>
  Array.from({ length: n }, (_, at) => `blob${at + 1}=${ref}`).join('&')
const large = Buffer.alloc(17 * 1024 * 1024)
const put: Asking = { method: 'PUT', body: blob }

/** What is asked, and the status and words that it is answered with. */
const cases: readonly (readonly [
  name: string,
  path: string,
  asking: Asking,
  status: number,
  says: RegExp,
])[] = [
  ['stat without its version', '/bs/camli/stat', form(`blob1=${ref}`), 400, /camliversion/],
  [
    'stat of what is no ref',
    '/bs/camli/stat',
    form('camliversion=1&blob1=foo'),
    400,
    /not a blob ref/,
  ],
  ['stat of 1001', '/bs/camli/stat', form(`camliversion=1&${many(1001)}`), 400, /at most 1000/],
  ['stat of 10,000', '/bs/camli/stat', form(`camliversion=1&${many(10_000)}`), 400, /at most 1000/],
  ['a form of 2 MiB', '/bs/camli/stat', form('x'.repeat(2 ** 21)), 413, /may have 1048576 bytes/],
  ['an upload that is no form', '/bs/camli/upload', multipart('x', 'text/plain'), 400, /multipart/],
  ['no boundary', '/bs/camli/upload', multipart('x', 'multipart/form-data'), 400, /boundary/],
  [
    'an endless boundary',
    '/bs/camli/upload',
    multipart('x', `multipart/form-data; boundary=${'b'.repeat(71)}`),
    400,
    /boundary/,
  ],
  ['a body without parts', '/bs/camli/upload', multipart('nothing'), 400, /ends in the middle/],
  [
    'a part without a name',
    '/bs/camli/upload',
    multipart('--b\r\nx: y\r\n\r\nz\r\n--b--\r\n'),
    400,
    /no name/,
  ],
  [
    'a part without an end',
    '/bs/camli/upload',
    multipart(`--b\r\nContent-Disposition: form-data; name="${ref}"\r\n\r\na bl`),
    400,
    /ends in the middle/,
  ],
  [
    'a head without an end',
    '/bs/camli/upload',
    multipart(`--b\r\n${'x'.repeat(20_000)}`),
    400,
    /head of a part/,
  ],
  [
    'a boundary with something behind it',
    '/bs/camli/upload',
    multipart('--bxx\r\n'),
    400,
    /neither a part nor the end/,
  ],
  [
    'a wrong digest',
    '/bs/camli/upload',
    uploadOf([[ref, Buffer.from('other')]]),
    200,
    /digest doesn't match/,
  ],
  [
    'a part that is no ref',
    '/bs/camli/upload',
    uploadOf([['junk', blob]]),
    200,
    /Ignoring form key/,
  ],
  [
    'a part of 17 MiB',
    '/bs/camli/upload',
    uploadOf([[refOf(large), large]]),
    200,
    /may have 16777216 bytes/,
  ],
  ['PUT of another blob', `/bs/camli/${refOf(Buffer.from('x'))}`, put, 400, /nothing was stored/],
  ['PUT of no ref', '/bs/camli/foo', put, 400, /not a blob reference/],
  ['PUT of an unknown hash', `/bs/camli/md5-${'0'.repeat(32)}`, put, 400, /not a blob reference/],
  ['PUT of 17 MiB', `/bs/camli/${refOf(large)}`, { method: 'PUT', body: large }, 413, /16777216/],
  ['POST to a blob', `/bs/camli/${ref}`, { method: 'POST' }, 405, /no such method/],
  ['DELETE', `/bs/camli/${ref}`, { method: 'DELETE' }, 405, /no such method/],
  ['a blob by no ref', '/bs/camli/foo', {}, 400, /Malformed/],
  ['upper case', `/bs/camli/${ref.toUpperCase()}`, {}, 400, /Malformed/],
  ['a way up', '/bs/camli/../../etc/passwd', {}, 400, /Malformed/],
  ['a way up, escaped', '/bs/camli/..%2f..%2fetc%2fpasswd', {}, 400, /Malformed/],
  ['a NUL', `/bs/camli/${ref}%00`, {}, 400, /Malformed/],
  ['a way up in the path', '/bs/../api/1/status', {}, 404, /nothing at/],
  ['two slashes', '//api/1/status', {}, 404, /nothing at/],
  ['an address as the path', 'http://evil.example/api/1/status', {}, 404, /nothing at/],
  ['operations', '/api/1/operations/gc', { method: 'POST', body: '{}' }, 404, /nothing at/],
  [
    'both after and waiting',
    '/bs/camli/enumerate-blobs?after=x&maxwaitsec=1',
    {},
    400,
    /Can't use/,
  ],
  ['removal of what is no ref', '/bs/camli/remove', form('blob1=x'), 400, /not a blob ref/],
  ['signing nothing', '/sighelper/camli/sig/sign', form(''), 400, /json is missing/],
  ['signing text', '/sighelper/camli/sig/sign', form('json=hello'), 400, /cannot be trusted/],
  [
    'signing an object',
    '/sighelper/camli/sig/sign',
    form('json={}'),
    400,
    /only a permanode or a claim/,
  ],
  [
    'signing 2 MiB',
    '/sighelper/camli/sig/sign',
    form(`json=${'x'.repeat(2 ** 21)}`),
    413,
    /json may have/,
  ],
  [
    'verifying nothing',
    '/sighelper/camli/sig/verify',
    form('sjson='),
    200,
    /"signatureValid": false/,
  ],
  ['another name', '/', { headers: { host: 'evil.example' } }, 403, /own name/],
  [
    'another name for blobs',
    `/bs/camli/${ref}`,
    { headers: { host: 'evil.example' } },
    403,
    /own name/,
  ],
  [
    'another origin',
    '/bs/camli/upload',
    { ...uploadOf([[ref, blob]]), headers: { origin: 'http://evil.example' } },
    403,
    /origin/,
  ],
  [
    'no origin',
    '/bs/camli/upload',
    { ...uploadOf([[ref, blob]]), headers: { origin: 'null' } },
    403,
    /origin/,
  ],
  [
    'a picture on a page elsewhere',
    `/bs/camli/${ref}`,
    { headers: { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' } },
    403,
    /origin/,
  ],
  [
    'a description of 1001',
    '/my-search/camli/search/describe',
    { method: 'POST', body: JSON.stringify({ blobrefs: Array.from({ length: 1001 }, () => ref) }) },
    400,
    /at most 1000/,
  ],
  [
    'a description that is no JSON',
    '/my-search/camli/search/describe',
    { method: 'POST', body: '{' },
    400,
    /JSON/,
  ],
  [
    'a description of 2 MiB',
    '/my-search/camli/search/describe',
    { method: 'POST', body: `{"a":"${'x'.repeat(2 ** 21)}"}` },
    413,
    /may have/,
  ],
  ['validation without the token', '/sync/', form('mode=validate&token=x'), 403, /token/],
]

describe('what makes no sense gets one clear answer, and nothing is stored', () => {
  for (const [name, path, asking, status, says] of cases) {
    test(name, async () => {
      const answer = await ask(served.port, path, asking)
      assert.equal(answer.status, status, answer.body.toString('utf8', 0, 500))
      assert.match(answer.body.toString(), says)
      assert.equal(await count(), stored)
      await stillServes()
    })
  }
})

async function stillServes(): Promise<void> {
  const { status } = await ask(served.port, '/bs/camli/enumerate-blobs?limit=1')
  assert.equal(status, 200)
}

/** What comes back for these very bytes, until the server ends the connection. */
async function raw(bytes: string | Buffer): Promise<string> {
  const socket = connect(served.port, '127.0.0.1')
  const chunks: Buffer[] = []
  socket.on('data', chunk => chunks.push(chunk))
  socket.on('error', () => undefined)
  socket.write(bytes)
  await new Promise(resolve => socket.once('close', resolve))
  return Buffer.concat(chunks).toString('latin1')
}

const host = 'Host: 127.0.0.1\r\n'

describe('what two readers would understand differently is refused', () => {
  const chunked = 'Transfer-Encoding: chunked\r\n'
  const smuggled = `GET /bs/camli/enumerate-blobs HTTP/1.1\r\n${host}\r\n`
  const forms: Readonly<Record<string, string>> = {
    'two lengths': `POST / HTTP/1.1\r\n${host}Content-Length: 0\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`,
    'a length and chunks': `POST / HTTP/1.1\r\n${host}Content-Length: 4\r\n${chunked}\r\n0\r\n\r\n${smuggled}`,
    'chunks and a blank': `POST / HTTP/1.1\r\n${host}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n${smuggled}`,
    'chunks spelt otherwise': `POST / HTTP/1.1\r\n${host}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${smuggled}`,
    'a folded head': `GET / HTTP/1.1\r\n${host}X: y\r\n z\r\n\r\n`,
    'a line feed alone': `GET / HTTP/1.1\n${host}\n`,
    'a negative length': `POST / HTTP/1.1\r\n${host}Content-Length: -1\r\n\r\n`,
    'a huge chunk': `POST /bs/camli/upload HTTP/1.1\r\n${host}${chunked}\r\nfffffffffffffffff\r\n`,
    'no host': 'GET / HTTP/1.1\r\n\r\n',
    'a head of 100 KiB': `GET / HTTP/1.1\r\n${host}X: ${'x'.repeat(100 * 1024)}\r\n\r\n`,
    TLS: '\u0016\u0003\u0001\u0000\u0001',
    'nothing known': 'HELO\r\n\r\n',
  }
  for (const [name, bytes] of Object.entries(forms)) {
    test(name, async () => {
      const answer = await raw(bytes)
      assert.match(answer, /^HTTP\/1\.1 4\d\d /)
      assert.ok(!answer.includes('"blobs"'), 'the second request was taken for one')
      await stillServes()
    })
  }
})

test('requests that are sent ahead are answered in their order', async () => {
  const requests = Array.from(
    { length: 30 },
    (_, at) =>
      `GET /bs/camli/enumerate-blobs?limit=${at} HTTP/1.1\r\n${host}${at === 29 ? 'Connection: close\r\n' : ''}\r\n`,
  )
  const answers = (await raw(requests.join(''))).split('HTTP/1.1 200 OK').slice(1)
  assert.deepEqual(
    answers.map(answer => answer.split('"blobRef"').length - 1),
    requests.map((_, at) => Math.min(at, stored)),
  )
})

test('who sends very many ahead is cut off', async () => {
  const requests = `GET /bs/camli/enumerate-blobs HTTP/1.1\r\n${host}\r\n`.repeat(5000)
  const answers = (await raw(requests)).split('HTTP/1.1 200 OK').length - 1
  assert.ok(answers < 5000)
  await stillServes()
})

/** Requests of SLOW=1 are what the issue asks for; the usual run has a few of each kind. */
const RUNS = process.env['SLOW'] === undefined ? 1500 : 100_000

const paths = fc.oneof(
  fc.constantFrom(
    '/',
    '/bs/camli/stat',
    '/bs/camli/upload',
    '/bs/camli/enumerate-blobs',
    '/bs/camli/remove',
    `/bs/camli/${ref}`,
    '/sighelper/camli/sig/sign',
    '/sighelper/camli/sig/verify',
    '/ui/download/',
    `/ui/download/${ref}`,
    `/ui/tree/${ref}`,
    '/ui/?camli.mode=uploadhelper',
    '/status/status.json',
    '/my-search/camli/search/describe',
    '/my-search/camli/search/claims',
    '/sync/',
    '/metrics',
  ),
  fc.stringMatching(/^\/[!-~]{0,40}$/),
)
const queries = fc.oneof(
  fc.constant(''),
  fc.stringMatching(/^\?[!-~]{0,60}$/),
  fc.constantFrom(
    '?limit=-1',
    '?limit=1e9',
    '?after=%ff%fe',
    '?maxwaitsec=-5',
    '?camliversion=1&blob1=',
    `?blobref=${ref}&depth=999999`,
    '?verifycontents=x',
    '?inline=1',
    '?at=never',
  ),
)
const bodies = fc.oneof(
  fc.uint8Array({ maxLength: 300 }).map(bytes => Buffer.from(bytes)),
  fc.json().map(text => Buffer.from(text)),
  fc
    .string({ maxLength: 200 })
    .map(text => Buffer.from(`json=${encodeURIComponent(text.toWellFormed())}`)),
  fc
    .array(
      fc.oneof(
        fc.constantFrom(
          '--b',
          '\r\n',
          '\r\n\r\n',
          '--',
          '\r\n--b--',
          `Content-Disposition: form-data; name="${ref}"`,
          'a blob',
          ';',
        ),
        fc.string({ maxLength: 5 }),
      ),
      { maxLength: 12 },
    )
    .map(pieces => Buffer.from(pieces.join(''))),
)
const asking = fc.record({
  path: fc.tuple(paths, queries).map(([path, query]) => path + query),
  method: fc.constantFrom('GET', 'POST', 'PUT', 'HEAD', 'DELETE', 'OPTIONS', 'PATCH'),
  type: fc.constantFrom(
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=b',
    'application/json',
    'multipart/form-data; boundary="',
    '',
  ),
  range: fc.oneof(fc.constant(''), fc.stringMatching(/^bytes=[0-9,-]{0,20}$/)),
  body: bodies,
})

test(`${RUNS} requests that nobody would send leave the node as it was`, async () => {
  const property = fc.asyncProperty(asking, async ({ path, method, type, range, body }) => {
    const headers = { 'content-type': type, range }
    const hasBody = method !== 'GET' && method !== 'HEAD'
    const answer: Answer = await ask(served.port, path, {
      method,
      headers,
      ...(hasBody ? { body } : {}),
    })
    assert.ok(
      answer.status >= 200 && answer.status < 500,
      `${answer.status} ${answer.body.toString()}`,
    )
  })
  await fc.assert(property, { numRuns: RUNS })
  const left = await Array.fromAsync(served.node.store.enumerate())
  // Only what was sent right: this blob under its name, or a file by the form.
  assert.ok(left.length >= stored)
  const fetched = await served.node.store.fetch(ref)
  assert.ok(fetched === undefined || Buffer.compare(fetched, blob) === 0)
  await stillServes()
})
