import { rateLimiterContract } from '../contract/rate-limiter.js'
import { verifyMutants } from './mutants.js'
import { mutants, stopTimers } from './rate-limiter.js'

describe('RateLimiter mutants', () => {
  afterEach(stopTimers)
  verifyMutants('RateLimiter', rateLimiterContract, mutants)
})
