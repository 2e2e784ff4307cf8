export * from './contract.js'
export * from './extract-repository.js'
