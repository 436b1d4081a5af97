import { after, before } from 'node:test'

import { openFramedStream } from '../../src/peer/framed-stream.ts'
import { framedStreamContract } from '../contract/framed-stream.ts'
import { type Loopback, openLoopback } from './loopback-streams.ts'

let loopback: Loopback

before(async () => {
  loopback = await openLoopback()
})
after(async () => {
  await loopback[Symbol.asyncDispose]()
})

framedStreamContract(() => ({ open: () => loopback.open(), frame: openFramedStream }))
