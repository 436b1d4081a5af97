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
