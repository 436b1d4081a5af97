import { type BlobRef, isBlobRef } from '../blob/ref.ts'
import { CONTENT_ATTRIBUTE } from '../schema/well-known.ts'
import { VALUE_CHARACTERS_MAX } from './limits.ts'
import type { PermanodeState } from './queries.ts'
import { type Items, VENUE_ATTRIBUTE, isHidden, isOwnAffair } from './search-items.ts'
import type { SearchDocument } from './document-tables.ts'

/** Undefined for what no search shows. */
export async function makeDocument(
  items: Items,
  ref: BlobRef,
): Promise<SearchDocument | undefined> {
  const state = await items.permanode(ref)
  if (!state || !isShown(ref, state)) return undefined
  const { attributes, modified } = state
  const contents = (attributes.get(CONTENT_ATTRIBUTE) ?? []).filter(isBlobRef)
  const files = await Array.fromAsync(contents, async content => items.file(content))
  const facts = files[0]?.facts
  return {
    ref,
    created: await items.created(ref),
    modified,
    isHidden: isHidden(state),
    isUncertain: contents.length > 1 || attributes.has(VENUE_ATTRIBUTE),
    mediaTypes: files.map(file => file?.mediaType ?? '').filter(type => type !== ''),
    width: facts?.width,
    height: facts?.height,
    rating: facts?.rating,
    position: await items.position(ref),
    values: sharedValues(state),
    title: (attributes.get('title') ?? []).join('\n'),
    name: files
      .map(file => file?.name ?? '')
      .join('\n')
      .trim(),
    text: (await items.texts(ref)).join('\n'),
  }
}

/**
 * What is deleted is not shown, nor what Peerkeep keeps for itself about devices, and of several blobs that are one
 * permanode only the one that stands for all.
 */
export function isShown(ref: BlobRef, state: PermanodeState): boolean {
  return state.isOwn && !state.isDeleted && !isOwnAffair(state) && state.ref === ref
}

function sharedValues({
  attributes,
}: PermanodeState): (readonly [attribute: string, value: string])[] {
  return [...attributes].flatMap(([name, values]) =>
    values.filter(value => isShared(name, value)).map(value => [name, value] as const),
  )
}

/** Whether permanodes are found by an attribute's value in the order of their times. */
export function isShared(attribute: string, value: string): boolean {
  return (
    attribute !== 'title' &&
    attribute !== 'description' &&
    value.length <= VALUE_CHARACTERS_MAX &&
    !isBlobRef(value)
  )
}
