import { rateLimiterContract } from '../contract/rate-limiter.js'
import { verifyMutants } from './mutants.js'
import { mutants, stopTimers } from './rate-limiter.js'

afterEach(stopTimers)
verifyMutants('RateLimiter', rateLimiterContract, mutants)
