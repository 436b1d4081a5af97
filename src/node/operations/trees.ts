import { displayName } from '../../files/display-name.ts'
import { diffTrees } from '../../files/diff.ts'
import { namePattern } from '../../files/find.ts'
import { listTree, resolvePath, type TreeEntry } from '../../files/list.ts'
import type { JsonObject } from '../../base/json.ts'
import type { Backup, Snapshot } from '../../index/queries.ts'
import { formatTime } from '../../schema/time.ts'
import { flagArgument, optionalText, textArgument } from '../arguments.ts'
import type { Node } from '../node.ts'
import type { Operation } from '../operation.ts'
import { backupName, resolveBackup, resolveTarget, snapshotsOf, type Target } from '../target.ts'
import type { BlobRef } from '../../blob/ref.ts'

/** Resolves a target to the blob that it names, PATH walked. */
export async function resolveNode(
  node: Node,
  text: string,
): Promise<Target & Awaited<ReturnType<typeof resolvePath>>> {
  const target = await resolveTarget(node.index, text, node.system.clock.now())
  return {
    ...target,
    ...(await resolvePath(ref => node.store.fetch(ref), target.root, target.path)),
  }
}

/** Lists a folder in a snapshot: `{ target, recursive }`. */
export const lsOperation: Operation<Node> = {
  name: 'ls',
  async run(node, args, { emit, signal }) {
    const { ref } = await resolveNode(node, textArgument(args, 'target'))
    const recursive = flagArgument(args, 'recursive')
    let count = 0
    for await (const entry of listTree(blob => node.store.fetch(blob), ref, { recursive })) {
      signal.throwIfAborted()
      await emit({ type: 'item', value: describeEntry(entry) })
      count += 1
    }
    return { count }
  },
}

function describeEntry({ path, ref, node, size }: TreeEntry): JsonObject {
  const mode = node.permission
  return {
    path: displayName(path),
    type: node.type,
    ref,
    size: size ?? null,
    mode: mode === undefined ? '' : ((node.specialMode ?? 0) | mode).toString(8).padStart(4, '0'),
    mtime: node.mtime === undefined ? null : formatTime(node.mtime),
    linkTarget: node.type === 'symlink' ? displayName(node.target) : null,
  }
}

/** Finds files by name: `{ pattern, backup?, all }`. */
export const findOperation: Operation<Node> = {
  name: 'find',
  async run(node, args, { emit, signal }) {
    const matches = namePattern(textArgument(args, 'pattern'))
    const name = optionalText(args, 'backup')
    const isAll = flagArgument(args, 'all')
    const backups =
      name === undefined
        ? await Array.fromAsync(node.index.backups())
        : [await resolveBackup(node.index, name)]
    let count = 0
    for (const { backup, snapshots } of await whereToLook(node, backups, isAll)) {
      const printed = new Set<string>()
      for (const { content, date } of snapshots) {
        for await (const entry of listTree(ref => node.store.fetch(ref), content, {
          recursive: true,
        })) {
          signal.throwIfAborted()
          if (!matches(entry.path)) continue
          const value: JsonObject = {
            backup: backupName(node.index, backup),
            date: formatTime(date),
            ...describeEntry(entry),
          }
          const once = `${displayName(entry.path)}\n${entry.ref}`
          if (printed.has(once)) continue
          printed.add(once)
          await emit({ type: 'item', value })
          count += 1
        }
      }
    }
    return { count }
  },
}

async function whereToLook(
  node: Node,
  backups: readonly Backup[],
  isAll: boolean,
): Promise<{ backup: Backup; snapshots: readonly Snapshot[] }[]> {
  return Promise.all(
    backups.map(async backup => {
      const snapshots = await snapshotsOf(node.index, backup.permanode)
      return { backup, snapshots: isAll ? snapshots : snapshots.slice(-1) }
    }),
  )
}

/** Compares two trees: `{ a, b }`. */
export const diffOperation: Operation<Node> = {
  name: 'diff',
  async run(node, args, { emit, signal }) {
    const a = await resolveNode(node, textArgument(args, 'a'))
    const b = await resolveNode(node, textArgument(args, 'b'))
    const fetch = (ref: BlobRef): Promise<Uint8Array | undefined> => node.store.fetch(ref)
    let count = 0
    for await (const { change, path } of diffTrees(fetch, a.ref, b.ref)) {
      signal.throwIfAborted()
      await emit({ type: 'item', value: { change, path: displayName(path) } })
      count += 1
    }
    return { count }
  },
}
