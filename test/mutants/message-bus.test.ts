import { messageBusContract } from '../contract/message-bus.js'
import { mutants, stopTimers } from './message-bus.js'
import { verifyMutants } from './mutants.js'

describe('MessageBus mutants', () => {
  afterEach(stopTimers)
  verifyMutants('MessageBus', messageBusContract, mutants)
})
