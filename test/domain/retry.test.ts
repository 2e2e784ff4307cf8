import { expect } from 'chai'
import fc from 'fast-check'
import { backoffMs, embeddedBackoff, serviceBackoff } from '../../domain/retry.js'

describe('backoff', () => {
  it('doubles up to its cap', () => {
    const longest = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((attempt) => backoffMs(serviceBackoff, attempt, 1) / 1000)
    expect(longest).to.deep.equal([10, 20, 40, 80, 160, 320, 640, 1280, 1800])
    expect([1, 2, 5, 6, 7].map((attempt) => backoffMs(embeddedBackoff, attempt, 1) / 1000)).to.deep.equal([
      1, 2, 16, 30, 30,
    ])
  })

  it('spreads over the whole wait, but never below a tenth of the base', () => {
    expect(backoffMs(serviceBackoff, 3, 0.5)).to.equal(20_000)
    expect(backoffMs(serviceBackoff, 3, 0)).to.equal(1_000)
  })

  it('stays between a tenth of the base and the cap, for any attempt and randomness', () => {
    const backoff = fc
      .record({ baseMs: fc.integer({ min: 1, max: 60_000 }), factor: fc.integer({ min: 1, max: 1000 }) })
      .map(({ baseMs, factor }) => ({ baseMs, capMs: baseMs * factor }))
    fc.assert(
      fc.property(backoff, fc.integer(), fc.double({ min: 0, max: 1, noNaN: true }), (b, attempt, random) => {
        const wait = backoffMs(b, attempt, random)
        expect(Number.isInteger(wait)).to.equal(true)
        expect(wait).to.be.at.least(Math.max(1, Math.floor(b.baseMs / 10)))
        expect(wait).to.be.at.most(b.capMs)
      }),
    )
  })
})
