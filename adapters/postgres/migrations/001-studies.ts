import type { Knex } from 'knex'

/** One statement each: PGlite prepares every query, and a prepared query holds one statement. */
const statements = [
  `create schema if not exists pixl_pipeline`,
  `create table if not exists pixl_pipeline.extract (
    extract_id serial primary key,
    slug varchar not null
  )`,
  `create table if not exists pixl_pipeline.image (
    image_id serial primary key,
    accession_number varchar not null,
    study_date date not null,
    mrn varchar not null,
    study_uid varchar,
    pseudo_study_uid varchar,
    pseudo_patient_id varchar(255),
    exported_at timestamptz,
    extract_id int not null references pixl_pipeline.extract
  )`,
  `alter table pixl_pipeline.image
    add column if not exists state text
      check (state in ('requested', 'claimed', 'awaiting', 'held', 'exported', 'skipped', 'absent', 'failed')),
    add column if not exists reason text,
    add column if not exists series text[],
    add column if not exists claimed_series text[],
    add column if not exists priority smallint,
    add column if not exists queue text,
    add column if not exists attempts int,
    add column if not exists claims int,
    add column if not exists next_action_at timestamptz,
    add column if not exists deadline_at timestamptz,
    add column if not exists published_at timestamptz,
    add column if not exists publishing_until timestamptz,
    add column if not exists lease_owner text,
    add column if not exists lease_until timestamptz,
    add column if not exists fence int,
    add column if not exists study_key text`,
  `create table pixl_pipeline.image_request (
    image_request_id bigserial primary key,
    image_id int not null references pixl_pipeline.image on delete cascade,
    extract_generated_timestamp text not null,
    procedure_occurrence_id bigint,
    priority smallint not null,
    requested_at timestamptz not null default now()
  )`,
  `create unique index image_request_identity on pixl_pipeline.image_request
    (image_id, extract_generated_timestamp, coalesce(procedure_occurrence_id, -1))`,
  `create table pixl_pipeline.image_delivery (
    image_id int not null references pixl_pipeline.image on delete cascade,
    destination text not null,
    state text not null check (state in ('pending', 'uploaded', 'delivered')),
    remote_name text,
    bytes bigint,
    sha256 text,
    delivered_at timestamptz,
    primary key (image_id, destination)
  )`,
  `create table pixl_pipeline.image_event (
    image_event_id bigserial primary key,
    image_id int not null references pixl_pipeline.image on delete cascade,
    at timestamptz not null,
    transition text not null,
    from_state text,
    to_state text not null,
    reason text,
    fence int not null,
    detail jsonb not null
  )`,
  `create unique index image_identity on pixl_pipeline.image
    (extract_id, mrn, accession_number, coalesce(study_uid, '')) where state is not null`,
  `create unique index image_study_key on pixl_pipeline.image (extract_id, study_key) where state is not null`,
  `create index image_lookup on pixl_pipeline.image (extract_id, mrn, accession_number)`,
  `create index image_pseudo_study_uid on pixl_pipeline.image (pseudo_study_uid)`,
  `create index image_unfinished on pixl_pipeline.image (image_id)
    where state in ('requested', 'claimed', 'awaiting', 'held')`,
  `create index image_event_image on pixl_pipeline.image_event (image_id)`,
]

/**
 * The rows of architecture section 2. Tables of an existing PIXL installation are kept as they are: nullable columns,
 * tables and partial indexes are added, and its rows keep `state` null until somebody asks us for them.
 */
export const up = async (knex: Knex): Promise<void> => {
  for (const statement of statements) await knex.raw(statement)
}
