import assert from 'node:assert/strict'
import { test } from 'node:test'

import { operate } from '../node/homes.ts'
import { ask, serveNode, type ServedNode } from './served-node.ts'

async function describe({ port }: ServedNode, request: object): Promise<Record<string, object>> {
  const answer = await ask(port, '/my-search/camli/search/describe', {
    method: 'POST',
    body: JSON.stringify(request),
  })
  assert.equal(answer.status, 200)
  return (JSON.parse(answer.body.toString()) as { meta: Record<string, object> }).meta
}

async function permanode(
  { node }: ServedNode,
  attributes: Record<string, string>,
): Promise<string> {
  const { result } = await operate(node, 'permanode', { tags: [] })
  const ref = result['permanode'] as string
  for (const [name, value] of Object.entries(attributes))
    await operate(node, 'attr', { mode: 'set', permanode: ref, name, value })
  return ref
}

test('a mounted folder is found by its root, and described as deep as it is asked for', async () => {
  await using served = await serveNode()
  assert.deepEqual(await describe(served, { depth: 1 }), {})
  const inner = await permanode(served, { title: 'inner' })
  const middle = await permanode(served, { 'camliPath:inner': inner })
  const root = await permanode(served, { camliRoot: 'photos', 'camliPath:middle': middle })
  const path = '/my-search/camli/search/permanodeattr?attr=camliRoot&value='
  const found = JSON.parse((await ask(served.port, path)).body.toString()) as { withAttr: object[] }
  assert.deepEqual(found.withAttr, [{ permanode: root }])
  for (const [depth, refs] of [
    [1, [root]],
    [2, [root, middle]],
    [3, [root, middle, inner]],
  ] as const) {
    const meta = await describe(served, { blobref: root, depth })
    assert.deepEqual(Object.keys(meta).sort(), [...refs].sort())
  }
})

test('rules describe what they name, wherever the rules of their parent lead', async () => {
  await using served = await serveNode()
  const leaf = await permanode(served, { title: 'leaf' })
  const cover = await permanode(served, { camliMember: leaf })
  const album = await permanode(served, { camliNodeType: 'album', cover, other: leaf })
  const rules = [
    {
      attrs: ['cov*'],
      ifResultRoot: true,
      ifCamliNodeType: 'album',
      rules: [{ attrs: ['camliMember'] }],
    },
  ]
  const meta = await describe(served, { blobrefs: [album], rules })
  assert.deepEqual(Object.keys(meta).sort(), [album, cover, leaf].sort())
  const none = await describe(served, { blobrefs: [cover], rules })
  assert.deepEqual(Object.keys(none), [cover])
})

test('things that refer to each other in a circle are described once', async () => {
  await using served = await serveNode()
  const first = await permanode(served, {})
  const second = await permanode(served, { camliMember: first })
  await operate(served.node, 'attr', {
    mode: 'set',
    permanode: first,
    name: 'camliMember',
    value: second,
  })
  const meta = await describe(served, { blobref: first, depth: 16 })
  assert.deepEqual(Object.keys(meta).sort(), [first, second].sort())
})

test('what changed last comes first, and devices are nobody’s affair', async () => {
  await using served = await serveNode()
  const older = await permanode(served, { title: 'older' })
  const newer = await permanode(served, { title: 'newer' })
  const answer = await ask(served.port, '/my-search/camli/search/recent?n=10')
  const { recent } = JSON.parse(answer.body.toString()) as { recent: { blobref: string }[] }
  assert.deepEqual(
    recent.map(({ blobref }) => blobref),
    [newer, older],
  )
})

async function found({ port }: ServedNode, expression: string): Promise<string[]> {
  const answer = await ask(port, '/my-search/camli/search/query', {
    method: 'POST',
    body: JSON.stringify({ expression, sort: 'blobref' }),
  })
  assert.equal(answer.status, 200, answer.body.toString())
  const { blobs } = JSON.parse(answer.body.toString()) as { blobs: { blob: string }[] | null }
  return (blobs ?? []).map(({ blob }) => blob)
}

async function refusal({ port }: ServedNode, expression: string): Promise<string> {
  const answer = await ask(port, '/my-search/camli/search/query', {
    method: 'POST',
    body: JSON.stringify({ expression }),
  })
  assert.equal(answer.status, 400)
  return (JSON.parse(answer.body.toString()) as { error: { message: string } }).error.message
}

test('what is at a place is found by the name of the place', async () => {
  await using served = await serveNode()
  const paris = await permanode(served, { latitude: '48.85', longitude: '2.3' })
  const taveuni = await permanode(served, { latitude: '-16.85', longitude: '-179.97' })
  assert.deepEqual(await found(served, 'loc:Paris'), [paris])
  assert.deepEqual(await found(served, 'loc:"Paris, FR" or loc:fiji'), [paris, taveuni].sort())
  assert.deepEqual(await found(served, '-loc:France has:location'), [taveuni])
  assert.deepEqual(await found(served, 'loc:"New York"'), [])
  assert.match(await refusal(served, 'loc:Xyzzy'), /no place is known that is called Xyzzy/)
  const { result } = await operate(served.node, 'describe', { ref: paris })
  assert.equal(result['place'], 'Paris, FR')
})

test('saved searches stand in others, and never without end', async () => {
  await using served = await serveNode()
  const { node } = served
  const lake = await permanode(served, { title: 'lake' })
  const sea = await permanode(served, { title: 'sea' })
  const save = (name: string, expression: string): Promise<unknown> =>
    operate(node, 'save-search', { name, expression })
  await save('water', 'title:lake or title:sea')
  await save('still water', 'named:water -title:sea')
  assert.deepEqual(await found(served, 'named:water'), [lake, sea].sort())
  assert.deepEqual(await found(served, 'named:"still water"'), [lake])
  assert.deepEqual(await found(served, '-named:water title:e'), [])
  assert.match(await refusal(served, 'named:fire'), /no saved search fire/)
  await save('water', 'title:lake')
  assert.deepEqual(await found(served, 'named:water'), [lake])
  const wide = Array.from({ length: 200 }, () => 'named:water').join(' or ')
  await save('wide', wide)
  assert.match(await refusal(served, 'named:wide or named:wide or named:wide'), /500 terms/)
})

test('a saved search that names itself is refused', async () => {
  await using served = await serveNode()
  const { node } = served
  await operate(node, 'save-search', { name: 'a', expression: 'title:x' })
  await operate(node, 'save-search', { name: 'b', expression: 'named:a' })
  await assert.rejects(
    operate(node, 'save-search', { name: 'a', expression: 'named:a or named:b' }),
    {
      code: 'BAD_USAGE',
    },
  )
  // Another program may have said it all the same.
  const { ref } = await node.door.receive(Buffer.from('named:a'))
  const { result } = await operate(node, 'permanode', { tags: [] })
  for (const [name, value] of [
    ['camliNamedSearch', 'a'],
    ['camliContent', ref],
  ] as const)
    await operate(node, 'attr', {
      mode: 'set',
      permanode: result['permanode'] as string,
      name,
      value,
    })
  assert.match(await refusal(served, 'named:a'), /name each other 5 deep/)
})
