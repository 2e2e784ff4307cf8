export * from './contract.js'
export * from './extract-repository.js'
export * from './message-bus.js'
export * from './rate-limiter.js'
