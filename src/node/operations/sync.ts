import { PeerkeepError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json.ts'
import { type CopyCounts, copyBlobs } from '../../blob/copy-blobs.ts'
import type { BlobRef } from '../../blob/ref.ts'
import { flagArgument, optionalText, textArgument } from '../arguments.ts'
import type { Node } from '../node.ts'
import type { Operation, OperationContext } from '../operation.ts'
import { openEncrypted } from '../foreign-stores.ts'
import {
  isPlain,
  type OpenPlace,
  openSource,
  openTarget,
  parsePlace,
  type PlaceCredentials,
  type SourcePlace,
} from '../places.ts'
import { sleepingNote, SLEEPING_ROWS_MAX } from '../sleeping.ts'

/** Blobs on their way at a time: enough to keep a line with a round trip of some milliseconds busy. */
const PARALLEL = 32

/** Problems that are told one by one; of more only the number. */
const PROBLEMS_SHOWN_MAX = 100

/** Milliseconds between two reports of progress. */
const REPORT_MS = 200

/**
 * Copies what TO lacks from FROM, and deletes nothing: `{ from, to, plain, auth?, aws?, encryptKey?, encryptMeta? }`. What comes here and no claim
 * reaches is pinned.
 */
export const syncOperation: Operation<Node> = {
  name: 'sync',
  async run(node, args, context) {
    const credentials = credentialsOf(args)
    const [from, to] = [
      parsePlace(textArgument(args, 'from')),
      parsePlace(textArgument(args, 'to')),
    ]
    if (JSON.stringify(from) === JSON.stringify(to))
      throw new PeerkeepError('BAD_USAGE', 'a place is not copied to itself')
    if (isPlain(to) && !flagArgument(args, 'plain')) await askPlain(args, context)
    await using opening = new AsyncDisposableStack()
    const problems = openProblems(context)
    const { signal } = context
    const reading = { signal, onProblem: problems.add }
    const at = { node, credentials, reading }
    const source = opening.use(await openFrom({ ...at, name: from }, args))
    const target = opening.adopt(await openTarget({ ...at, name: to }), place => place.close())
    const isHere = to.kind === 'here'
    const noted = openNotes(node, isHere)
    const counts = await copyBlobs({
      from: source,
      to: target,
      parallel: PARALLEL,
      signal: context.signal,
      onProblem: problems.add,
      onProgress: progressOf(node, context),
      ...(isHere ? { onCopying: noted.note } : {}),
    }).catch(async (error: unknown) => {
      await problems.finish()
      throw error
    })
    await problems.finish()
    const settled = isHere ? await settle(node, context) : {}
    return { ...counts, problems: problems.count(), ...settled }
  },
}

/** FROM, or with a key what is encrypted in it. */
async function openFrom(place: OpenPlace, args: JsonObject): Promise<SourcePlace> {
  const keyText = optionalText(args, 'encryptKey')
  const metaText = optionalText(args, 'encryptMeta')
  if ((keyText === undefined) !== (metaText === undefined))
    throw new PeerkeepError('BAD_USAGE', '--encrypt-key and --encrypt-meta go together')
  const blobs = await openSource(place)
  if (keyText === undefined || metaText === undefined) return blobs
  const meta = await openSource({ ...place, name: parsePlace(metaText) })
  const address = `${textArgument(args, 'from')} ${metaText}`
  const keyFile = Buffer.from(keyText, 'latin1')
  return openEncrypted({ address, blobs, meta, keyFile }, { ...place.reading, node: place.node })
}

async function askPlain(args: JsonObject, { confirm }: OperationContext): Promise<void> {
  const to = textArgument(args, 'to')
  const isAgreed = await confirm(
    `${to} is not encrypted: whoever can read it can read every file. Copy all blobs there?`,
  )
  if (!isAgreed) throw new PeerkeepError('REFUSED', `nothing was copied; --plain copies to ${to}`)
}

function credentialsOf(args: JsonObject): PlaceCredentials {
  const aws = args['aws']
  const isTable = typeof aws === 'object' && aws !== null && !Array.isArray(aws)
  const entries = Object.entries(isTable ? (aws as JsonObject) : {})
  const texts = entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string')
  return { auth: optionalText(args, 'auth'), aws: Object.fromEntries(texts) }
}

interface Notes {
  /** Resolves when the blob may be stored. */
  note(ref: BlobRef): Promise<void>
}

/** Those that come at the same time are noted together: a note is a sync. */
function openNotes(node: Node, isHere: boolean): Notes {
  let waiting: BlobRef[] = []
  let next: Promise<void> | undefined
  let last: Promise<void> = Promise.resolve()
  return {
    note(ref) {
      if (!isHere) return Promise.resolve()
      waiting.push(ref)
      next ??= last.then(() => {
        const refs = waiting
        waiting = []
        next = undefined
        last = node.loose.note(refs)
        return last
      })
      return next
    },
  }
}

function progressOf(node: Node, context: OperationContext): (counts: CopyCounts) => void {
  const { clock } = node.system
  const begin = clock.monotonic()
  let reported = begin
  return ({ seen, copied, copiedBytes }) => {
    const now = clock.monotonic()
    if (now - reported < REPORT_MS) return
    reported = now
    const bytesPerSecond = Math.round(copiedBytes / ((now - begin) / 1000))
    const phase = `sync (${seen} looked at)`
    void context.emit({
      type: 'progress',
      progress: { phase, files: copied, bytes: copiedBytes, bytesPerSecond },
    })
  }
}

interface Problems {
  add(subject: string, reason: string): void
  finish(): Promise<void>
  count(): number
}

function openProblems(context: OperationContext): Problems {
  let count = 0
  let telling: Promise<void> = Promise.resolve()
  const tell = (subject: string, reason: string): void => {
    telling = telling.then(() => context.emit({ type: 'problem', subject, reason }))
  }
  return {
    add(subject, reason) {
      count += 1
      if (count <= PROBLEMS_SHOWN_MAX) tell(subject, reason)
    },
    async finish() {
      const more = count - PROBLEMS_SHOWN_MAX
      if (more > 0) tell('sync', `${more} more blobs could not be copied`)
      await telling
    },
    count: () => count,
  }
}

/** What has come here counts, and what nothing reaches is pinned. */
async function settle(node: Node, { emit }: OperationContext): Promise<JsonObject> {
  await node.arrivals.settled()
  await node.index.catchUp()
  const { pinned, refusal } = await node.loose.settle()
  if (refusal !== undefined) await emit({ type: 'note', text: refusal })
  for (const key of await node.index.sleeping(SLEEPING_ROWS_MAX))
    await emit({ type: 'note', text: sleepingNote(key) })
  return { pinned }
}
