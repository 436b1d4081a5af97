import { noise } from '@chainsafe/libp2p-noise'
import type { Stream } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'

import { STREAM_WINDOW_MAX } from '../../src/peer/limits.ts'

/** The two ends of streams between two nodes over loopback TCP, encrypted and multiplexed as in earnest. */
export interface Loopback extends AsyncDisposable {
  open(): Promise<{ readonly near: Stream; readonly far: Stream }>
}

const PROTOCOL = '/peerkeep-test/1.0.0'

export async function openLoopback(): Promise<Loopback> {
  const [nearNode, farNode] = await Promise.all([openTestNode(), openTestNode()])
  const arrivals: ((stream: Stream) => void)[] = []
  await farNode.handle(PROTOCOL, stream => arrivals.shift()?.(stream), {
    maxInboundStreams: Infinity,
  })
  const connection = await nearNode.dial(farNode.getMultiaddrs())
  return {
    async open() {
      const { promise, resolve } = Promise.withResolvers<Stream>()
      arrivals.push(resolve)
      const near = await connection.newStream(PROTOCOL, { maxOutboundStreams: Infinity })
      return { near, far: await promise }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([nearNode.stop(), farNode.stop()])
    },
  }
}

function openTestNode() {
  return createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux({ streamOptions: { maxStreamWindowSize: STREAM_WINDOW_MAX } })],
  })
}
