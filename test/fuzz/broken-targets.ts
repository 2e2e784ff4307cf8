import type { Target } from './target.js'
import { promise } from './target.js'

const broken = (name: string, check: (input: Uint8Array) => void): Target => ({
  name,
  runs: 40,
  open: () =>
    Promise.resolve({
      make: (random) => Buffer.from(`some text ${random.below(40) === 0 ? 'bad' : 'good'} and more`),
      check: (input) => Promise.resolve(Buffer.from(input).includes('bad') ? check(input) : undefined),
      close: () => Promise.resolve(),
    }),
})

const kept: Array<Buffer> = []

/** Readers that go wrong on purpose: what the fuzzer must notice. */
export const targets: ReadonlyArray<Target> = [
  broken('violates', () => promise(false, 'a promise is broken')),
  broken('throws', () => {
    throw new TypeError('unexpected')
  }),
  broken('slow', () => {
    const before = process.cpuUsage()
    const spent = (): number => process.cpuUsage(before).user + process.cpuUsage(before).system
    while (spent() < 700_000);
  }),
  broken('greedy', () => void kept.push(Buffer.alloc(300 * 1024 * 1024, 1))),
  broken('dies', () => process.abort()),
  broken('hangs', () => {
    for (;;);
  }),
]
