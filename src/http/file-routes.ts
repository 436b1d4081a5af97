import type { BlobRef } from '../blob/ref.ts'
import type { Right } from '../node/auth-methods.ts'
import type { Node } from '../node/node.ts'
import { archiveRoute } from './archive-route.ts'
import { openAtOnce } from './at-once.ts'
import { roots } from './discovery.ts'
import { downloadRoute } from './file-download.ts'
import { DOWNLOADS_MAX, FORM_UPLOADS_MAX } from './file-limits.ts'
import type { Gate } from './gate.ts'
import type { Metrics } from './metrics.ts'
import type { FindRoute, Route } from './server.ts'
import { thumbnailRoute } from './thumbnail-route.ts'
import { treeRoute } from './tree-route.ts'
import { uploadHelperRoute } from './upload-helper.ts'

interface FileParts {
  readonly node: Node
  readonly gate: Gate
  readonly metrics: Metrics
}

/** Files as Perkeep's web page gets and sends them: one, many in an archive, a folder's names, uploads by a form. */
export function fileRoutes({ node, gate, metrics }: FileParts): FindRoute {
  const { store, system } = node
  const fetch = (ref: BlobRef): Promise<Uint8Array | undefined> => store.fetch(ref)
  const download = downloadRoute({
    ...system,
    fetch,
    mediaType: async ref => (await node.index.facts(ref))?.mediaType,
  })
  const tree = treeRoute(fetch)
  const thumbnail = thumbnailRoute({ thumbnails: node.thumbnails, clock: system.clock })
  const reading = openAtOnce(DOWNLOADS_MAX, 'downloads')
  const writing = openAtOnce(FORM_UPLOADS_MAX, 'uploads')
  const guarded = (right: Right, route: Route): Route =>
    metrics.counted('files', gate.guard(right, route))
  const archive = guarded('get', reading(archiveRoute({ ...system, fetch })))
  const uploadHelper = guarded(
    'upload',
    writing(uploadHelperRoute({ door: node.door, note: node.loose.note })),
  )
  return (method, path) => {
    if (method === 'POST' && path === roots.ui) return uploadHelper
    if (method === 'POST' && path === roots.download) return archive
    if (method === 'GET' && path.startsWith(roots.tree))
      return guarded('get', tree(path.slice(roots.tree.length)))
    if ((method === 'GET' || method === 'HEAD') && path.startsWith(roots.download)) {
      const ref = path.slice(roots.download.length).split('/')[0] ?? ''
      return guarded('get', reading(download(ref)))
    }
    if ((method === 'GET' || method === 'HEAD') && path.startsWith(roots.thumbnail))
      return guarded('get', thumbnail(path.slice(roots.thumbnail.length).split('/')[0] ?? ''))
    return undefined
  }
}
