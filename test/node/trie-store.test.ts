import assert from 'node:assert/strict'
import { test } from 'node:test'

import { refOf } from '../../src/blob/ref.ts'
import { openTrieStore } from '../../src/node/trie-store.ts'
import { openSetTrie, type SetTrie } from '../../src/peer/set-trie.ts'
import { verifySigned } from '../../src/schema/signed-blob.ts'
import { openSimClock } from '../sim/sim-clock.ts'
import { openSimFiles, type SimFiles } from '../sim/sim-files.ts'
import { openSimRandom } from '../sim/sim-random.ts'
import { openSimNode, seedNamed, type SimNode } from '../world/sim-node.ts'
import { owner } from '../index/index-world.ts'

const key = new Uint8Array(32).fill(7)

function openNode(files: SimFiles): Promise<SimNode> {
  return openSimNode({
    name: 'laptop',
    seed: seedNamed('laptop'),
    owner: owner.keyId,
    groupSecret: key,
    files,
    clock: openSimClock(),
    random: openSimRandom(1),
    verify: verifySigned,
  })
}

function storeOf({ files, index, store }: SimNode): ReturnType<typeof openTrieStore> {
  return openTrieStore({ files, directory: '/kept', index: () => index, log: store })
}

async function membersOf({ index }: SimNode): Promise<Record<'claims' | 'schema', string[]>> {
  const refs = async (set: 'claims' | 'schema'): Promise<string[]> =>
    (await Array.fromAsync(index.enumerateMeta(set))).map(({ ref }) => ref)
  return { claims: await refs('claims'), schema: await refs('schema') }
}

async function keepAll(node: SimNode): Promise<void> {
  const tries: Record<'claims' | 'schema', SetTrie> = {
    claims: openSetTrie(key),
    schema: openSetTrie(key),
  }
  for (const set of ['claims', 'schema'] as const)
    for await (const { ref } of node.index.enumerateMeta(set)) tries[set].insert(ref)
  const { claims, schema } = tries
  const store = storeOf(node)
  await store.save(await store.version(), { claims: claims.encode(), schema: schema.encode() })
}

async function put(node: SimNode, name: string): Promise<void> {
  const schema = { camliVersion: 1, camliType: 'directory', fileName: name, entries: refOf(key) }
  await node.door.receive(Buffer.from(JSON.stringify(schema)))
  await node.index.catchUp()
}

test('what the log has brought since the tries were kept is told, of both sets', async () => {
  const node = await openNode(openSimFiles())
  await node.door.receive(owner.keyBlob)
  await put(node, 'before')
  await keepAll(node)
  const before = await membersOf(node)
  await node.door.receive(node.signer.keyBlob)
  await put(node, 'after')
  const kept = await storeOf(node).load()
  const told = await Array.fromAsync(kept?.later ?? [])
  const after = await membersOf(node)
  for (const set of ['claims', 'schema'] as const) {
    const later = told.filter(one => one.set === set).map(({ ref }) => ref)
    assert.deepEqual([...new Set([...before[set], ...later])].sort(), after[set])
    assert.ok(after[set].length > before[set].length)
  }
  await node.close()
})

test('tries of before a member went are no use, nor are half of them', async () => {
  const node = await openNode(openSimFiles())
  await put(node, 'one')
  await keepAll(node)
  assert.ok(await storeOf(node).load())
  const [first] = await Array.fromAsync(node.index.enumerateMeta('schema'))
  await node.index.lost(first ? [first.ref] : [])
  assert.equal(await storeOf(node).load(), undefined)
  await keepAll(node)
  assert.ok(await storeOf(node).load())
  await node.files.remove('/kept/schema.trie')
  assert.equal(await storeOf(node).load(), undefined)
  await node.close()
})
