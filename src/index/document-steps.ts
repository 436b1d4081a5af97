import { type KeyValue, prefixRange } from '../base/key-value.ts'
import { type BlobRef, isBlobRef } from '../blob/ref.ts'
import { parseSchema } from '../schema/parse-schema.ts'
import { CONTENT_ATTRIBUTE } from '../schema/well-known.ts'
import type { DocumentTables, SearchDocument } from './document-tables.ts'
import { makeDocument } from './document.ts'
import { type Draft, openDraft } from './draft.ts'
import { type Ground, metaOf } from './evaluate.ts'
import { DOCUMENTS_MAX, DOCUMENTS_PIECE, PENDING_DOCUMENTS_MAX } from './limits.ts'
import {
  queryClaims,
  queryFacts,
  queryPermanode,
  querySaid,
  querySettled,
} from './permanode-queries.ts'
import type { PermanodeState } from './queries.ts'
import { lastField, rangeAfter } from './rows.ts'
import { type Items, openItems } from './search-items.ts'
import { firstRow, nextKeys } from './settle.ts'
import type { Writer } from './writer.ts'

/** What keeps the tables of search documents up with the rows. */
export interface DocumentSteps {
  /** Finds out whether the tables are what the rows say was put into them; if not, they are made anew, bit by bit. */
  readonly check: () => Promise<void>
  /** Puts some of what has changed into the tables; answers false when nothing was left. */
  readonly write: () => Promise<boolean>
  /** Puts in all that has changed; false, and nothing done, when that is much. */
  readonly writeFew: () => Promise<boolean>
}

export interface DocumentParts {
  readonly ground: Ground
  readonly fetch: (ref: BlobRef) => Promise<Uint8Array | undefined>
  readonly tables: DocumentTables
  /** A name that the tables of these rows have never had. */
  readonly newMaker: () => string
}

/**
 * A batch goes into the tables first, then its queue rows go, together with the number of the batch in `documents`. A kill
 * between the two has the same batch come again. Tables that hold fewer batches than the rows say have lost some.
 */
export function openDocumentSteps(parts: DocumentParts, writer: Writer): DocumentSteps {
  const { ground, tables } = parts
  const { rows } = ground
  let isChecked = false

  async function check(): Promise<void> {
    const [maker, count] = readVersion(await rows.get('documents'))
    const version = await tables.version()
    isChecked = version !== undefined && version.maker === maker && version.count >= count
    if (isChecked) return
    await writer.write(async () => {
      const name = parts.newMaker()
      await tables.reset(name)
      const draft = openDraft(rows)
      draft.put('documents', writeVersion(name, 0))
      draft.put('todo|documents', '')
      return draft
    })
    isChecked = true
  }

  async function write(): Promise<boolean> {
    if (!isChecked) await check()
    try {
      return await writer.write(
        async () =>
          (await draftOfFacts(parts)) ?? (await draftOfContents(rows)) ?? draftOfDocuments(parts),
      )
    } catch (error) {
      // Whatever it was, the tables may not be what they were.
      isChecked = false
      throw error
    }
  }

  return {
    check,
    write,
    async writeFew() {
      // Tables that turned out to be damaged are empty now.
      await check()
      if ((await rows.get('todo|documents')) !== undefined) return false
      const range = { ...prefixRange('todo|document|'), limit: PENDING_DOCUMENTS_MAX + 1 }
      let count = 0
      for await (const _ of rows.scan(range)) count += 1
      if (count > PENDING_DOCUMENTS_MAX) return false
      while (await write()) continue
      return true
    },
  }
}

function writeVersion(maker: string, count: number): string {
  return `${maker}|${count}`
}

function readVersion(text: string | undefined): readonly [maker: string, count: number] {
  const [maker = '', count = '0'] = text?.split('|') ?? []
  return [maker, Number(count)]
}

/** The batch that marks what facts are about. */
async function draftOfFacts({ ground, fetch }: DocumentParts): Promise<Draft | undefined> {
  const first = await firstRow(ground.rows, 'todo|facts|')
  if (!first) return undefined
  const draft = openDraft(ground.rows)
  const [key] = first
  const bytes = await fetch(lastField(key) as BlobRef)
  const schema = bytes && parseSchema(bytes)
  for (const { file } of schema?.type === 'facts' ? schema.facts : [])
    draft.put(`todo|content|${file}`, '')
  draft.delete(key)
  return draft
}

/** The batch that marks the permanodes whose content files are, or were. */
async function draftOfContents(rows: KeyValue): Promise<Draft | undefined> {
  const keys = await nextKeys(rows, prefixRange('todo|content|'))
  if (keys.length === 0) return undefined
  const draft = openDraft(rows)
  for (const key of keys) {
    draft.delete(key)
    for await (const permanode of querySaid(rows, CONTENT_ATTRIBUTE, lastField(key)))
      draft.put(`todo|document|${permanode}`, '')
  }
  return draft
}

/** The batch that puts documents into the tables: of what has changed, else of what is still to be put in anew. */
async function draftOfDocuments(parts: DocumentParts): Promise<Draft | undefined> {
  const { ground } = parts
  const { rows } = ground
  const draft = openDraft(rows)
  await draft.load(['documents'])
  const range = { ...prefixRange('todo|document|'), limit: DOCUMENTS_MAX }
  const keys = (await Array.fromAsync(rows.scan(range))).map(([key]) => key)
  for (const key of keys) draft.delete(key)
  const refs = keys.length > 0 ? keys.map(key => lastField(key) as BlobRef) : await nextStates(rows)
  if (!refs) return undefined
  if (keys.length === 0) {
    const last = refs.at(-1)
    if (last === undefined) draft.delete('todo|documents')
    else draft.put('todo|documents', last)
  }
  const [maker, count] = readVersion(draft.get('documents'))
  const batches = await putDocuments(parts, draft, { refs, count })
  if (batches > 0) draft.put('documents', writeVersion(maker, count + batches))
  return draft
}

/** The next permanodes of tables that are made anew; undefined when they are not. */
async function nextStates(rows: KeyValue): Promise<BlobRef[] | undefined> {
  const after = await rows.get('todo|documents')
  if (after === undefined) return undefined
  const range = rangeAfter('state|', after === '' ? undefined : (after as BlobRef))
  const found = await Array.fromAsync(rows.scan({ ...range, limit: DOCUMENTS_MAX }))
  return found.map(([key]) => lastField(key) as BlobRef)
}

/** While one piece goes into the tables, the next is made. Answers how many batches they took. */
async function putDocuments(
  { ground, fetch, tables }: DocumentParts,
  draft: Draft,
  { refs, count }: { readonly refs: readonly BlobRef[]; readonly count: number },
): Promise<number> {
  let batches = 0
  let written: Promise<void> = Promise.resolve()
  for (let at = 0; at < refs.length; at += DOCUMENTS_PIECE) {
    const documents = await makeDocuments(
      { ground, fetch },
      draft,
      refs.slice(at, at + DOCUMENTS_PIECE),
    )
    await written
    batches += 1
    written = tables.apply(documents, count + batches)
    // It is awaited with the next piece, or at the end.
    written.catch(() => undefined)
  }
  await written
  return batches
}

async function makeDocuments(
  parts: Pick<DocumentParts, 'ground' | 'fetch'>,
  draft: Draft,
  refs: readonly BlobRef[],
): Promise<(readonly [BlobRef, SearchDocument | undefined])[]> {
  const states = await querySettled(parts.ground.rows, refs)
  // Each waits for some look-ups, so all are made at once.
  const made = await Promise.all(refs.map(async (ref, i) => makeOne(parts, ref, states[i])))
  for (const { awaited } of made) if (awaited !== undefined) draft.put(`awaits|${awaited}`, '')
  return made.map(({ ref, document }) => [ref, document])
}

interface MadeDocument {
  readonly ref: BlobRef
  readonly document: SearchDocument | undefined
  /** A content that is not here: the document says more once it is. */
  readonly awaited: BlobRef | undefined
}

async function makeOne(
  parts: Pick<DocumentParts, 'ground' | 'fetch'>,
  ref: BlobRef,
  state: PermanodeState | undefined,
): Promise<MadeDocument> {
  const items = itemsOf(parts)
  if (state) items.know(ref, state)
  const document = await makeDocument(items, ref)
  const content = (await items.permanode(ref))?.attributes.get(CONTENT_ATTRIBUTE)?.[0]
  const isMissing =
    isBlobRef(content) &&
    (await items.file(content)) === undefined &&
    (await metaOf(parts.ground.rows, content)) === undefined
  return { ref, document, awaited: isMissing ? content : undefined }
}

function itemsOf({ ground, fetch }: Pick<DocumentParts, 'ground' | 'fetch'>): Items {
  return openItems({
    index: {
      permanode: async (ref, at) => queryPermanode(ground, ref, at),
      claims: ref => queryClaims(ground, ref),
      facts: async file => queryFacts(ground, file),
      meta: async ref => metaOf(ground.rows, ref),
    },
    fetch,
  })
}
