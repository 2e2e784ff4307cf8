import type { ServiceIdentifier } from 'inversify'
import type * as ports from '../ports/index.js'

const token = <A>(name: string): ServiceIdentifier<A> => Symbol.for(`pixl.${name}`)

/** One identifier per port; image uploaders are bound under the name of their destination (`whenNamed`). */
export const tokens = {
  Clock: token<ports.Clock>('Clock'),
  CohortReader: token<ports.CohortReader>('CohortReader'),
  Deidentifier: token<ports.Deidentifier>('Deidentifier'),
  ExtractRepository: token<ports.ExtractRepository>('ExtractRepository'),
  ImageArchive: token<ports.ImageArchive>('ImageArchive'),
  ImageSource: token<ports.ImageSource>('ImageSource'),
  ImageUploader: token<ports.ImageUploader>('ImageUploader'),
  MessageBus: token<ports.MessageBus>('MessageBus'),
  ProjectCatalogue: token<ports.ProjectCatalogue>('ProjectCatalogue'),
  RateLimiter: token<ports.RateLimiter>('RateLimiter'),
  SecretStore: token<ports.SecretStore>('SecretStore'),
  Telemetry: token<ports.Telemetry>('Telemetry'),
} as const
