import 'reflect-metadata'

export { createEmbeddedApplication } from './embedded.js'
export type { EmbeddedSettings } from './embedded.js'
export type { StartError } from './resources.js'
export { tokens } from './tokens.js'
export type { Application, Questions } from '../application/application.js'
