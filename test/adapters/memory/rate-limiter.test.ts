import { expect } from 'chai'
import { makeMemoryClock } from '../../../adapters/memory/clock.js'
import { makeMemoryRateLimiter } from '../../../adapters/memory/rate-limiter.js'
import { rateOf } from '../../../domain/token-bucket.js'
import { verifyContract } from '../../contract/contract.js'
import { rateLimiterContract } from '../../contract/rate-limiter.js'

verifyContract('memory RateLimiter', rateLimiterContract, () => {
  const clock = makeMemoryClock()
  return Promise.resolve({
    limiter: makeMemoryRateLimiter(clock),
    elapse: clock.advance,
    close: () => Promise.resolve(),
  })
})

describe('memory RateLimiter, by itself', () => {
  it('starts at the rate it is given and leaves the other archive at the default', async () => {
    const limiter = makeMemoryRateLimiter(makeMemoryClock(), { secondary: rateOf(0) })
    expect(await limiter.consume('secondary', 1, 1000)()).to.deep.include({ right: { _tag: 'Paused' } })
    expect(await limiter.readRate('primary')()).to.deep.include({ right: rateOf(5) })
  })
})
