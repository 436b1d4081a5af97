import { PeerkeepError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json.ts'
import { type BlobRef, parseBlobRef } from '../../blob/ref.ts'
import type { Nanoseconds, ShareClaim } from '../../schema/schema-blob.ts'
import { endOfDate, formatTime, isWritableTime, parseTime } from '../../schema/time.ts'
import { flagArgument, optionalText, signingNode, textArgument } from '../arguments.ts'
import { parseDuration } from '../durations.ts'
import type { Node } from '../node.ts'
import type { Operation, OperationContext } from '../operation.ts'

/**
 * Lets whoever has the link read a blob and what it holds: `{ ref, once?, expires?, force? }`. Lists what is shared:
 * `{ list: true }`. Takes a share back: `{ revoke, force? }`.
 */
export const shareOperation: Operation<Node> = {
  name: 'share',
  async run(node, args, context) {
    if (flagArgument(args, 'list')) return listShares(node, context)
    const signing = signingNode(node, args)
    const revoked = optionalText(args, 'revoke')
    if (revoked !== undefined) return revokeShare(signing, parseBlobRef(revoked))
    return share(signing, args)
  },
}

async function share(node: Node, args: JsonObject): Promise<JsonObject> {
  const target = parseBlobRef(textArgument(args, 'ref'))
  const isFollowed = await holdsOthers(node, target)
  const now = node.system.clock.now()
  const text = optionalText(args, 'expires')
  const expires = text === undefined ? undefined : expiryOf(text, now)
  const transitive = isFollowed && !flagArgument(args, 'once')
  const ref = await node.claims.sign({
    claimType: 'share',
    authType: 'haveref',
    transitive,
    target,
    expires,
  })
  return { ref, ...shareFields({ target, transitive, expires }) }
}

/** Whether there is more to have than the blob itself. Rejects for what is not here or would show nothing. */
async function holdsOthers(node: Node, target: BlobRef): Promise<boolean> {
  const [size] = await node.store.stat([target])
  if (size === undefined) throw new PeerkeepError('NOT_FOUND', `the blob ${target} is not here`)
  // What was stored a moment ago would be taken for data, and the share not follow it.
  await node.index.catchUp()
  const type = (await node.index.meta(target))?.type
  if (type === 'permanode' || type === 'claim')
    throw new PeerkeepError(
      'BAD_USAGE',
      `${target} is a ${type}, which shows nothing of what it is about; share the file or directory: 'peerkeep describe ${target}' names it`,
    )
  return type !== undefined && ['file', 'directory', 'bytes', 'static-set'].includes(type)
}

/** An age from now, a time, or a date, whose day is included. Throws `BAD_USAGE`, also for what is past. */
function expiryOf(text: string, now: number): Nanoseconds {
  const duration = parseDuration(text)
  const end = duration === undefined ? endOfDate(text) : now + duration
  const expires = parseTime(text) ?? (end === undefined ? undefined : BigInt(end) * 1_000_000n)
  if (expires === undefined || !isWritableTime(expires))
    throw new PeerkeepError(
      'BAD_USAGE',
      `${text} is no time to share until: write 7d, 12h, or a date such as 2026-12-31`,
    )
  if (expires <= BigInt(now) * 1_000_000n)
    throw new PeerkeepError('BAD_USAGE', `${text} is over: the share would open nothing`)
  return expires
}

function shareFields({
  target,
  transitive,
  expires,
}: Pick<ShareClaim, 'target' | 'transitive' | 'expires'>): JsonObject {
  return {
    target: target ?? null,
    transitive,
    expires: expires === undefined ? null : formatTime(expires),
  }
}

async function listShares(node: Node, { emit }: OperationContext): Promise<JsonObject> {
  await node.index.catchUp()
  const now = BigInt(node.system.clock.now()) * 1_000_000n
  let count = 0
  for await (const { ref, body, isDeleted } of node.index.shares()) {
    if (isDeleted) continue
    const isOver = body.expires !== undefined && body.expires <= now
    const state = isOver ? 'expired' : 'active'
    await emit({ type: 'item', value: { ref, ...shareFields(body), state } })
    count += 1
  }
  return { count }
}

async function revokeShare(node: Node, ref: BlobRef): Promise<JsonObject> {
  await node.index.catchUp()
  const found = await node.index.share(ref)
  if (!found)
    throw new PeerkeepError(
      'NOT_FOUND',
      `${ref} is no share of yours that is here; 'peerkeep share --list' names them`,
    )
  if (found.isDeleted) throw new PeerkeepError('NOT_FOUND', `the share ${ref} is revoked already`)
  return { revoked: ref, claim: await node.claims.sign({ claimType: 'delete', target: ref }) }
}
