import { PeerkeepError } from '../../base/errors.ts'
import { type BlobRef, parseBlobRef } from '../../blob/ref.ts'
import type { AttributeClaim } from '../../schema/schema-blob.ts'
import { TITLE_ATTRIBUTE } from '../../schema/well-known.ts'
import { optionalText, signingNode, textArgument, textsArgument } from '../arguments.ts'
import type { Node } from '../node.ts'
import type { Operation } from '../operation.ts'

/** Makes a random permanode: `{ title?, tags, force? }`. */
export const permanodeOperation: Operation<Node> = {
  name: 'permanode',
  async run(node, args) {
    const { claims } = signingNode(node, args)
    const title = optionalText(args, 'title')
    const tags = textsArgument(args, 'tags')
    const permanode = await claims.randomPermanode()
    await describePermanode(claims, permanode, { title, tags })
    return { permanode }
  },
}

/** Signs the title and tags of a permanode that has just been made. */
export async function describePermanode(
  claims: Node['claims'],
  permanode: BlobRef,
  { title, tags }: { title: string | undefined; tags: readonly string[] },
): Promise<void> {
  if (title !== undefined) {
    const claim = { claimType: 'set-attribute', permanode, attribute: TITLE_ATTRIBUTE } as const
    await claims.sign({ ...claim, value: title })
  }
  for (const tag of tags) {
    await claims.sign({ claimType: 'add-attribute', permanode, attribute: 'tag', value: tag })
  }
}

const claimTypes: Readonly<Record<string, AttributeClaim['claimType']>> = {
  set: 'set-attribute',
  add: 'add-attribute',
  del: 'del-attribute',
}

/** Changes an attribute: `{ permanode, name, value?, mode: set|add|del, force? }`. */
export const attrOperation: Operation<Node> = {
  name: 'attr',
  async run(node, args) {
    const { claims, index } = signingNode(node, args)
    const permanode = parseBlobRef(textArgument(args, 'permanode'))
    const attribute = textArgument(args, 'name')
    const value = optionalText(args, 'value')
    const claimType = claimTypes[textArgument(args, 'mode')]
    if (claimType === undefined) throw new PeerkeepError('BAD_USAGE', 'mode is set, add or del')
    if (value === undefined && claimType !== 'del-attribute') {
      throw new PeerkeepError('BAD_USAGE', 'a VALUE is needed; only --del may leave it out')
    }
    const state = await index.permanode(permanode)
    if (!state) {
      throw new PeerkeepError('NOT_FOUND', `there is no permanode ${permanode} here`)
    }
    if (!state.isOwn) {
      throw new PeerkeepError(
        'REFUSED',
        `${permanode} is not signed by a key of yours, so your claims on it would not act`,
      )
    }
    return { claim: await claims.sign({ claimType, permanode, attribute, value }) }
  },
}

/** Deletes a permanode or a claim: `{ ref, force? }`. */
export const deleteOperation: Operation<Node> = {
  name: 'delete',
  async run(node, args) {
    const target = parseBlobRef(textArgument(args, 'ref'))
    const meta = await node.index.meta(target)
    if (meta?.type !== 'permanode' && meta?.type !== 'claim') {
      const what = meta === undefined ? 'not here' : `a blob of type ${meta.type}`
      throw new PeerkeepError(
        'NOT_FOUND',
        `${target} is ${what}; only permanodes and claims can be deleted`,
      )
    }
    const { claims } = signingNode(node, args)
    return { claim: await claims.sign({ claimType: 'delete', target }) }
  },
}

/** Deletes every delete that acts on a permanode or claim: `{ ref, force? }`. */
export const undeleteOperation: Operation<Node> = {
  name: 'undelete',
  async run(node, args) {
    const { index, claims } = signingNode(node, args)
    const target = parseBlobRef(textArgument(args, 'ref'))
    const deletes: BlobRef[] = []
    for await (const claim of index.claims(target)) {
      if (claim.body.claimType === 'delete' && !claim.isDeleted) deletes.push(claim.ref)
    }
    if (deletes.length === 0) {
      throw new PeerkeepError('NOT_FOUND', `${target} is not deleted`)
    }
    const signed: BlobRef[] = []
    for (const claim of deletes)
      signed.push(await claims.sign({ claimType: 'delete', target: claim }))
    return { claims: signed }
  },
}
