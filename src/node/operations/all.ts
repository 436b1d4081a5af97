import type { JsonObject, JsonValue } from '../../base/json.ts'
import type { Node } from '../node.ts'
import type { Operation, OperationContext } from '../operation.ts'
import { adoptKeyOperation } from './adopt-key.ts'
import { backupOperation } from './backup.ts'
import { blobsOperation } from './blobs.ts'
import { attrOperation, deleteOperation, permanodeOperation, undeleteOperation } from './claims.ts'
import { describeOperation } from './describe.ts'
import { devicesOperation, pairOperation, waitOperation } from './devices.ts'
import { putOperation } from './put.ts'
import { catOperation, getOperation, restoreOperation } from './restore.ts'
import { saveSearchOperation, searchOperation } from './search.ts'
import { shareOperation } from './share.ts'
import { snapshotsOperation } from './snapshots.ts'
import { statusOperation } from './status.ts'
import { syncOperation } from './sync.ts'
import { disputedOperation, retireOperation, revokeOperation } from './trust.ts'
import { diffOperation, findOperation, lsOperation } from './trees.ts'
import {
  checkOperation,
  doctorOperation,
  reindexOperation,
  statsOperation,
  unknownOperation,
} from './upkeep.ts'

const operations: ReadonlyMap<string, Operation<Node>> = new Map(
  [
    adoptKeyOperation,
    attrOperation,
    backupOperation,
    blobsOperation,
    catOperation,
    checkOperation,
    deleteOperation,
    describeOperation,
    devicesOperation,
    diffOperation,
    disputedOperation,
    doctorOperation,
    findOperation,
    getOperation,
    lsOperation,
    pairOperation,
    permanodeOperation,
    putOperation,
    reindexOperation,
    restoreOperation,
    retireOperation,
    revokeOperation,
    saveSearchOperation,
    searchOperation,
    shareOperation,
    snapshotsOperation,
    statsOperation,
    statusOperation,
    syncOperation,
    undeleteOperation,
    waitOperation,
  ].map(operation => [operation.name, operation]),
)

/** Runs an operation on a node. Rejects with `BAD_USAGE` for a name that is none. */
export async function runOperation(
  node: Node,
  call: { readonly name: string; readonly args: JsonObject },
  context: OperationContext,
): Promise<JsonValue> {
  const operation = operations.get(call.name)
  if (!operation) throw unknownOperation(call.name)
  return operation.run(node, call.args, context)
}
