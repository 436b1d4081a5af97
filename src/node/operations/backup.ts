import { basename } from 'node:path'

import { PeerkeepError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json.ts'
import { type Door, openDoor } from '../../blob/receive.ts'
import type { BlobRef } from '../../blob/ref.ts'
import { displayName } from '../../files/display-name.ts'
import { openExcludes } from '../../files/exclude.ts'
import type { Problem } from '../../files/problem.ts'
import type { SnapshotOptions } from '../../files/snapshot-run.ts'
import { type SnapshotResult, snapshotTree } from '../../files/snapshot.ts'
import {
  BACKUP_ATTRIBUTE,
  BACKUP_DEVICE_ATTRIBUTE,
  backupPermanodeKey,
  CONTENT_ATTRIBUTE,
  TITLE_ATTRIBUTE,
} from '../../schema/well-known.ts'
import {
  flagArgument,
  optionalText,
  signingNode,
  textArgument,
  textsArgument,
} from '../arguments.ts'
import { deviceName } from '../device-name.ts'
import { openFactsCollector } from '../facts-collector.ts'
import type { Node } from '../node.ts'
import type { Operation, OperationContext } from '../operation.ts'
import { progressReporter } from '../progress-reporter.ts'
import { requirePlausible, type SourceCounts } from '../source-guard.ts'
import { openStatRows, type StatRows } from '../stat-rows.ts'
import { snapshotsOf } from '../target.ts'

/**
 * Stores the present state of a folder: `{ path, name?, exclude, excludeFile?, excludeCaches, oneFileSystem, dryRun,
 * force }`. Content first, then facts, last the claim that makes it the backup's newest snapshot.
 */
export const backupOperation: Operation<Node> = {
  name: 'backup',
  async run(openedNode, args, context) {
    const node = signingNode(openedNode, args)
    const path = textArgument(args, 'path')
    const name = backupName(optionalText(args, 'name') ?? basename(path))
    const isDryRun = flagArgument(args, 'dryRun')
    const begin = node.system.clock.monotonic()
    const previous = await lastCounts(node, name)
    // The claim comes last: whoever may not sign is told before hours of reading.
    if (!isDryRun) node.claims.requireClock()
    const isForced = flagArgument(args, 'force')
    if (!isForced) await requirePlausible(path, previous)
    const facts = openFactsCollector(isDryRun ? undefined : node.claims)
    const options = await snapshotOptions(node, args, { path, name, context, isDryRun })
    const result = await snapshotTree({ ...options, onFacts: facts.add })
    await facts.finish()
    await options.statCache?.flush()
    const summary = await record(node, { name, path, isDryRun, result })
    await reportProblems(result, context)
    const seconds = (node.system.clock.monotonic() - begin) / 1000
    const { root, problems, moreProblems, ...counts } = result
    return {
      ...summary,
      ...counts,
      snapshot: root,
      problems: problems.length + moreProblems,
      seconds,
      dryRun: isDryRun,
    }
  },
}

function backupName(name: string): string {
  if (name.length > 0 && name.length <= 200 && !/[/@:]/.test(name)) return name
  throw new PeerkeepError(
    'BAD_USAGE',
    `${JSON.stringify(name)} cannot be a backup's name: no / @ or :, 1 to 200 characters. Choose one with --name.`,
  )
}

interface Plan {
  readonly path: string
  readonly name: string
  readonly context: OperationContext
  readonly isDryRun: boolean
}

type BackupOptions = SnapshotOptions & { readonly statCache?: StatRows }

async function snapshotOptions(node: Node, args: JsonObject, plan: Plan): Promise<BackupOptions> {
  const { clock } = node.system
  const excludes = await openExcludes({
    source: plan.path,
    patterns: textsArgument(args, 'exclude'),
    patternFile: optionalText(args, 'excludeFile'),
    caches: flagArgument(args, 'excludeCaches'),
  })
  const options = {
    source: plan.path,
    clock,
    mode: 'backup',
    exclude: excludes,
    oneFileSystem: flagArgument(args, 'oneFileSystem'),
    onProgress: progressReporter('backup', clock, plan.context),
    signal: plan.context.signal,
  } as const
  if (plan.isDryRun) return { ...options, door: countingDoor(node) }
  // From before anything is stored: what is lost meanwhile must count as lost the next time.
  const mark = node.store.lossMark()
  const statCache = openStatRows(await node.statCache(), plan.path, mark)
  return { ...options, door: node.door, statCache, stat: refs => node.store.stat(refs) }
}

/** A door that keeps nothing, and says what would have been new. */
function countingDoor({ store }: Node): Door {
  const add: Node['store']['add'] = async ({ ref }) => (await store.stat([ref]))[0] === undefined
  return openDoor({ add }, () => undefined)
}

interface Outcome {
  readonly name: string
  readonly path: string
  readonly isDryRun: boolean
  readonly result: SnapshotResult
}

async function record(node: Node, { name, isDryRun, result }: Outcome): Promise<JsonObject> {
  const backup = `${deviceName(node.index, node.device.keyId)}:${name}`
  if (isDryRun) return { backup, isNew: true }
  const permanode = await backupPermanode(node, name)
  const last = (await snapshotsOf(node.index, permanode)).at(-1)
  await saveCounts(node, name, { files: result.files, bytes: result.bytes })
  if (last?.content === result.root) return { backup, permanode, claim: last.claim, isNew: false }
  const claim = await node.claims.sign({
    claimType: 'set-attribute',
    permanode,
    attribute: CONTENT_ATTRIBUTE,
    value: result.root,
  })
  return { backup, permanode, claim, isNew: true }
}

/** The permanode of this device's backup of that name, with the claims that say what it is. */
async function backupPermanode(node: Node, name: string): Promise<BlobRef> {
  const device = node.device.keyId
  const permanode = await node.claims.plannedPermanode(backupPermanodeKey(device, name))
  const state = await node.index.permanode(permanode)
  if (state?.isDeleted === true) {
    throw new PeerkeepError(
      'REFUSED',
      `the backup ${name} was deleted. 'peerkeep undelete ${permanode}' brings it back; or choose another --name.`,
    )
  }
  const wanted = [
    [BACKUP_ATTRIBUTE, name],
    [BACKUP_DEVICE_ATTRIBUTE, device],
    [TITLE_ATTRIBUTE, name],
  ] as const
  for (const [attribute, value] of wanted) {
    if (state?.attributes.has(attribute) === true) continue
    await node.claims.sign({ claimType: 'set-attribute', permanode, attribute, value })
  }
  return permanode
}

const countsKey = (name: string): string => `backup counts ${name}`

async function lastCounts(node: Node, name: string): Promise<SourceCounts | undefined> {
  const text = await node.state.get(countsKey(name))
  return text === undefined ? undefined : (JSON.parse(text) as SourceCounts)
}

async function saveCounts(node: Node, name: string, counts: SourceCounts): Promise<void> {
  await node.state.batch([{ type: 'put', key: countsKey(name), value: JSON.stringify(counts) }])
}

/** Tells every problem; the command's exit code says that there were some. */
export async function reportProblems(
  result: { readonly problems: readonly Problem[]; readonly moreProblems: number },
  { emit }: OperationContext,
): Promise<void> {
  for (const { path, reason } of result.problems) {
    await emit({ type: 'problem', subject: displayName(path), reason })
  }
  if (result.moreProblems > 0) {
    await emit({ type: 'problem', subject: `${result.moreProblems} more`, reason: 'not listed' })
  }
}
