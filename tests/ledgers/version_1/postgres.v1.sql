CREATE SCHEMA batchcancel;
CREATE TABLE batchcancel.batches (
    batch_id bigint NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    origin text NOT NULL,
    digest text NOT NULL,
    rows integer NOT NULL,
    rejected_rows integer NOT NULL,
    duplicates integer NOT NULL,
    enrolments integer DEFAULT 1 NOT NULL
);
COMMENT ON COLUMN batchcancel.batches.enrolments IS 'how often its manifest was enrolled';
CREATE TABLE batchcancel.rows (
    batch_id bigint NOT NULL,
    appointment_id text NOT NULL COLLATE pg_catalog."C",
    state text DEFAULT 'waiting'::text NOT NULL,
    outcome text,
    reason text,
    attempts integer DEFAULT 0 NOT NULL,
    opened_at timestamp with time zone,
    settled_at timestamp with time zone,
    enrolment integer NOT NULL,
    starts_at timestamp with time zone,
    learned_start timestamp with time zone,
    date date,
    session text,
    branch_id text
);
COMMENT ON COLUMN batchcancel.rows.state IS 'waiting, open, settled';
COMMENT ON COLUMN batchcancel.rows.enrolment IS 'the last enrolment that named this row';
COMMENT ON COLUMN batchcancel.rows.starts_at IS 'as the manifest says';
COMMENT ON COLUMN batchcancel.rows.learned_start IS 'as a look-up found';
CREATE VIEW batchcancel.account AS
 SELECT batches.name AS batch,
    COALESCE(rows.starts_at, rows.learned_start) AS start,
    rows.batch_id,
    rows.appointment_id,
    rows.state,
    rows.outcome,
    rows.reason,
    rows.attempts,
    rows.opened_at,
    rows.settled_at,
    rows.enrolment,
    rows.starts_at,
    rows.learned_start,
    rows.date,
    rows.session,
    rows.branch_id
   FROM (batchcancel.batches
     JOIN batchcancel.rows USING (batch_id));
ALTER TABLE batchcancel.batches ALTER COLUMN batch_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME batchcancel.batches_batch_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE batchcancel.leases (
    batch text NOT NULL COLLATE pg_catalog."C",
    token bigint NOT NULL,
    session uuid NOT NULL,
    holder text NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    commits bigint NOT NULL
);
COMMENT ON TABLE batchcancel.leases IS 'who may write on a batch, until when';
COMMENT ON COLUMN batchcancel.leases.token IS 'grows with every new holder; writes carry it';
COMMENT ON COLUMN batchcancel.leases.commits IS 'transactions written under this token';
CREATE TABLE batchcancel.rejected_rows (
    batch_id bigint NOT NULL,
    line bigint NOT NULL,
    reason text NOT NULL
);
CREATE TABLE batchcancel.requests (
    session uuid NOT NULL,
    request bigint NOT NULL,
    number bigint NOT NULL,
    run_id text,
    key text NOT NULL,
    kind text NOT NULL,
    appointment_id text COLLATE pg_catalog."C",
    attempt integer,
    sent_at timestamp with time zone NOT NULL,
    answered_at timestamp with time zone,
    result text
);
COMMENT ON COLUMN batchcancel.requests.run_id IS 'empty when a plan asked';
COMMENT ON COLUMN batchcancel.requests.key IS 'fingerprint of the API key';
ALTER TABLE batchcancel.requests ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME batchcancel.requests_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE batchcancel.runs (
    number bigint NOT NULL,
    run_id text NOT NULL COLLATE pg_catalog."C",
    batch text NOT NULL COLLATE pg_catalog."C",
    started_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    exit_code integer
);
ALTER TABLE batchcancel.runs ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME batchcancel.runs_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE batchcancel.slots (
    slot bigint NOT NULL,
    key text NOT NULL,
    taken_at timestamp with time zone NOT NULL,
    counted_by timestamp with time zone NOT NULL,
    is_answered boolean DEFAULT false NOT NULL
);
COMMENT ON COLUMN batchcancel.slots.counted_by IS 'the API has counted the request by then';
ALTER TABLE batchcancel.slots ALTER COLUMN slot ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME batchcancel.slots_slot_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE SEQUENCE batchcancel.tokens
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
CREATE TABLE batchcancel.version (
    version integer NOT NULL
);
CREATE TABLE batchcancel.windows (
    key text NOT NULL,
    closed_until timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL
);
COMMENT ON TABLE batchcancel.windows IS 'the rate limit of each API key, for all hosts';
INSERT INTO batchcancel.batches OVERRIDING SYSTEM VALUE VALUES (1, 'done', 'http://127.0.0.1:8099', '605e53af9291ecd3587eeb82c11ecd8d6eacb307eabe96be003236bbf4a4fcae', 3, 0, 0, 1);
INSERT INTO batchcancel.batches OVERRIDING SYSTEM VALUE VALUES (2, 'incomplete', 'http://127.0.0.1:8099', 'dbe1021df4dcb9e02b1f77d2a2263852cecbb594bf596e7755b6fdbfdcb1376e', 10, 2, 0, 1);
INSERT INTO batchcancel.batches OVERRIDING SYSTEM VALUE VALUES (3, 'stopped', 'http://127.0.0.1:8099', 'd8fb7f31c89e726d3d89e80e2d06229857da438c5667320ecc20b2b12f59ab4d', 5, 0, 0, 1);
INSERT INTO batchcancel.batches OVERRIDING SYSTEM VALUE VALUES (4, 'interrupted', 'http://127.0.0.1:8099', '776d9ec18d3f95d82ce973e0ac81c54f7bc86d7abfcdd198417b59a778dab47b', 4, 0, 0, 1);
INSERT INTO batchcancel.batches OVERRIDING SYSTEM VALUE VALUES (5, 'killed', 'http://127.0.0.1:8099', '4cb29d2acf064da705c9e0effc3c56056e5e423268afd8bf68d5bd4670491441', 5, 0, 0, 1);
INSERT INTO batchcancel.batches OVERRIDING SYSTEM VALUE VALUES (6, 'fatal', 'http://127.0.0.1:8099', '5fa58616943adbaaf060d5d9cb0ecb530c35d6f5bf25806fe7e5b7a40e620cc8', 3, 0, 0, 1);
INSERT INTO batchcancel.batches OVERRIDING SYSTEM VALUE VALUES (7, 'several', 'http://127.0.0.1:8099', 'd4821c6642d669a8b47802850bda88b7659631a6482a1d5858097196395b64cf', 4, 0, 0, 2);
INSERT INTO batchcancel.batches OVERRIDING SYSTEM VALUE VALUES (9, 'other', 'http://127.0.0.1:8099', '6babca42d83303aec52e3599ba54da249a7d543606e812e4c636b894141e9829', 2, 0, 0, 1);
INSERT INTO batchcancel.leases VALUES ('stopped', 4, '09cb709a-a5c1-4a93-8169-c78ce2bdf466', 'run 20260105T090010Z-00000004 on old-host, pid 1', '2026-01-05 09:00:10.8384+00', 8);
INSERT INTO batchcancel.leases VALUES ('interrupted', 5, '6e19f375-3234-485b-9267-133272579187', 'run 20260105T090014Z-00000005 on old-host, pid 1', '2026-01-05 09:00:18.137334+00', 7);
INSERT INTO batchcancel.leases VALUES ('done', 1, '965c53fe-5e16-4908-9d0e-287a77721b6a', 'run 20260105T090000Z-00000001 on old-host, pid 1', '2026-01-05 09:00:05.197344+00', 8);
INSERT INTO batchcancel.leases VALUES ('several', 10, 'fab403ad-8e4e-447e-8213-9286e60cfb61', 'run 20260105T090026Z-0000000a on old-host, pid 1', '2026-01-05 09:00:27.055774+00', 6);
INSERT INTO batchcancel.leases VALUES ('killed', 6, '5766f1b6-faf6-4a4b-b309-27203bcde6a1', 'run 20260105T090020Z-00000006 on old-host, pid 1', '2026-01-05 09:00:51.226648+00', 7);
INSERT INTO batchcancel.leases VALUES ('incomplete', 3, '4d76000f-d81a-4a5b-addc-e3bba5e9b565', 'run 20260105T090006Z-00000003 on old-host, pid 1', '2026-01-05 09:00:07.391566+00', 8);
INSERT INTO batchcancel.leases VALUES ('fatal', 7, 'ad7a5842-3345-4d1f-b90c-ef4b902c1c52', 'run 20260105T090022Z-00000007 on old-host, pid 1', '2026-01-05 09:00:22.556965+00', 5);
INSERT INTO batchcancel.leases VALUES ('other', 11, '4f7e7f08-762f-470e-9507-862be999b642', 'run 20260105T090029Z-0000000b on old-host, pid 1', '2026-01-05 09:00:29.597871+00', 7);
INSERT INTO batchcancel.leases VALUES ('refused', 8, '9fef451d-6425-449f-b44d-99a6a50b04e6', 'run 20260105T090023Z-00000008 on old-host, pid 1', '2026-01-05 09:00:23.774803+00', 2);
INSERT INTO batchcancel.rejected_rows VALUES (2, 12, 'bad_id');
INSERT INTO batchcancel.rejected_rows VALUES (2, 13, 'ragged');
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('965c53fe-5e16-4908-9d0e-287a77721b6a', 1, 1, '20260105T090000Z-00000001', '15b6b668134d654c', 'read', NULL, NULL, '2026-01-05 09:00:00.067138+00', '2026-01-05 09:00:00.426489+00', '200');
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('965c53fe-5e16-4908-9d0e-287a77721b6a', 2, 2, '20260105T090000Z-00000001', '15b6b668134d654c', 'cancel', 'd01', 1, '2026-01-05 09:00:00.490247+00', '2026-01-05 09:00:00.495664+00', '200');
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('965c53fe-5e16-4908-9d0e-287a77721b6a', 3, 3, '20260105T090000Z-00000001', '15b6b668134d654c', 'cancel', 'd02', 1, '2026-01-05 09:00:00.496001+00', '2026-01-05 09:00:00.501637+00', '200');
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('965c53fe-5e16-4908-9d0e-287a77721b6a', 4, 4, '20260105T090000Z-00000001', '15b6b668134d654c', 'cancel', 'd03', 1, '2026-01-05 09:00:00.501964+00', '2026-01-05 09:00:00.508652+00', '200');
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('0b3eeae5-f981-4070-939e-4272f8cc1617', 1, 5, '20260105T090003Z-00000002', '15b6b668134d654c', 'read', NULL, NULL, '2026-01-05 09:00:03.723114+00', '2026-01-05 09:00:04.038305+00', '200');
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('0b3eeae5-f981-4070-939e-4272f8cc1617', 2, 6, '20260105T090003Z-00000002', '15b6b668134d654c', 'read', NULL, NULL, '2026-01-05 09:00:04.045382+00', '2026-01-05 09:00:04.250404+00', '200');
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('0b3eeae5-f981-4070-939e-4272f8cc1617', 4, 8, '20260105T090003Z-00000002', '15b6b668134d654c', 'cancel', 'i_gaveup', 1, '2026-01-05 09:00:04.467004+00', NULL, NULL);
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('0b3eeae5-f981-4070-939e-4272f8cc1617', 7, 11, '20260105T090003Z-00000002', '15b6b668134d654c', 'cancel', 'i_review', 1, '2026-01-05 09:00:04.467198+00', NULL, NULL);
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('0b3eeae5-f981-4070-939e-4272f8cc1617', 3, 7, '20260105T090003Z-00000002', '15b6b668134d654c', 'cancel', 'i_earlier', 1, '2026-01-05 09:00:04.466888+00', '2026-01-05 09:00:04.479371+00', '200');
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('0b3eeae5-f981-4070-939e-4272f8cc1617', 5, 9, '20260105T090003Z-00000002', '15b6b668134d654c', 'cancel', 'i_plain', 1, '2026-01-05 09:00:04.467075+00', '2026-01-05 09:00:04.483417+00', '200');
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('0b3eeae5-f981-4070-939e-4272f8cc1617', 6, 10, '20260105T090003Z-00000002', '15b6b668134d654c', 'cancel', 'i_refused', 1, '2026-01-05 09:00:04.467137+00', '2026-01-05 09:00:04.483772+00', 'CONFLICT');
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('0b3eeae5-f981-4070-939e-4272f8cc1617', 8, 12, '20260105T090003Z-00000002', '15b6b668134d654c', 'cancel', 'i_session', 1, '2026-01-05 09:00:04.467278+00', '2026-01-05 09:00:04.483993+00', '200');
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('0b3eeae5-f981-4070-939e-4272f8cc1617', 9, 13, '20260105T090003Z-00000002', '15b6b668134d654c', 'cancel', 'i_unknown', 1, '2026-01-05 09:00:04.467342+00', '2026-01-05 09:00:04.484194+00', 'NOT_FOUND');
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('0b3eeae5-f981-4070-939e-4272f8cc1617', 10, 14, '20260105T090003Z-00000002', '15b6b668134d654c', 'read', 'i_completed', NULL, '2026-01-05 09:00:04.467406+00', '2026-01-05 09:00:04.484408+00', '200');
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('0b3eeae5-f981-4070-939e-4272f8cc1617', 11, 15, '20260105T090003Z-00000002', '15b6b668134d654c', 'read', 'i_learned', NULL, '2026-01-05 09:00:04.479656+00', '2026-01-05 09:00:04.486742+00', '200');
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('0b3eeae5-f981-4070-939e-4272f8cc1617', 12, 16, '20260105T090003Z-00000002', '15b6b668134d654c', 'cancel', 'i_learned', 1, '2026-01-05 09:00:04.486948+00', '2026-01-05 09:00:04.491569+00', '200');
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('4d76000f-d81a-4a5b-addc-e3bba5e9b565', 1, 17, '20260105T090006Z-00000003', '15b6b668134d654c', 'read', NULL, NULL, '2026-01-05 09:00:07.013479+00', '2026-01-05 09:00:07.273171+00', '200');
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('4d76000f-d81a-4a5b-addc-e3bba5e9b565', 2, 18, '20260105T090006Z-00000003', '15b6b668134d654c', 'read', NULL, NULL, '2026-01-05 09:00:07.275672+00', '2026-01-05 09:00:07.30289+00', '200');
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('4d76000f-d81a-4a5b-addc-e3bba5e9b565', 3, 19, '20260105T090006Z-00000003', '15b6b668134d654c', 'read', 'i_gaveup', NULL, '2026-01-05 09:00:07.371956+00', '2026-01-05 09:00:07.377751+00', 'SERVICE_UNAVAILABLE');
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('4d76000f-d81a-4a5b-addc-e3bba5e9b565', 4, 20, '20260105T090006Z-00000003', '15b6b668134d654c', 'read', 'i_review', NULL, '2026-01-05 09:00:07.378143+00', '2026-01-05 09:00:07.384568+00', '200');
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('09cb709a-a5c1-4a93-8169-c78ce2bdf466', 1, 21, '20260105T090010Z-00000004', '15b6b668134d654c', 'read', NULL, NULL, '2026-01-05 09:00:10.345202+00', '2026-01-05 09:00:10.630441+00', '200');
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('09cb709a-a5c1-4a93-8169-c78ce2bdf466', 2, 22, '20260105T090010Z-00000004', '15b6b668134d654c', 'cancel', 's01', 1, '2026-01-05 09:00:10.696499+00', '2026-01-05 09:00:10.703617+00', '200');
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('09cb709a-a5c1-4a93-8169-c78ce2bdf466', 3, 23, '20260105T090010Z-00000004', '15b6b668134d654c', 'cancel', 's02', 1, '2026-01-05 09:00:10.738196+00', '2026-01-05 09:00:10.75334+00', 'SERVICE_UNAVAILABLE');
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('09cb709a-a5c1-4a93-8169-c78ce2bdf466', 4, 24, '20260105T090010Z-00000004', '15b6b668134d654c', 'cancel', 's03', 1, '2026-01-05 09:00:10.755318+00', '2026-01-05 09:00:10.76545+00', 'SERVICE_UNAVAILABLE');
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('6e19f375-3234-485b-9267-133272579187', 1, 25, '20260105T090014Z-00000005', '15b6b668134d654c', 'read', NULL, NULL, '2026-01-05 09:00:14.658892+00', '2026-01-05 09:00:14.750353+00', '200');
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('6e19f375-3234-485b-9267-133272579187', 2, 26, '20260105T090014Z-00000005', '15b6b668134d654c', 'cancel', 'i51', 1, '2026-01-05 09:00:14.910104+00', '2026-01-05 09:00:15.039948+00', '200');
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('6e19f375-3234-485b-9267-133272579187', 3, 27, '20260105T090014Z-00000005', '15b6b668134d654c', 'cancel', 'i52', 1, '2026-01-05 09:00:15.040272+00', '2026-01-05 09:00:15.064923+00', '200');
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('6e19f375-3234-485b-9267-133272579187', 4, 28, '20260105T090014Z-00000005', '15b6b668134d654c', 'cancel', 'i53', 1, '2026-01-05 09:00:15.065233+00', NULL, NULL);
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('5766f1b6-faf6-4a4b-b309-27203bcde6a1', 1, 29, '20260105T090020Z-00000006', '15b6b668134d654c', 'read', NULL, NULL, '2026-01-05 09:00:20.800701+00', '2026-01-05 09:00:21.188192+00', '200');
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('5766f1b6-faf6-4a4b-b309-27203bcde6a1', 2, 30, '20260105T090020Z-00000006', '15b6b668134d654c', 'cancel', 'k01', 1, '2026-01-05 09:00:21.215371+00', '2026-01-05 09:00:21.221094+00', '200');
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('5766f1b6-faf6-4a4b-b309-27203bcde6a1', 4, 32, '20260105T090020Z-00000006', '15b6b668134d654c', 'cancel', 'k03', 1, '2026-01-05 09:00:21.221392+00', NULL, NULL);
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('5766f1b6-faf6-4a4b-b309-27203bcde6a1', 3, 31, '20260105T090020Z-00000006', '15b6b668134d654c', 'cancel', 'k02', 1, '2026-01-05 09:00:21.215472+00', '2026-01-05 09:00:21.223197+00', '200');
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('5766f1b6-faf6-4a4b-b309-27203bcde6a1', 5, 33, '20260105T090020Z-00000006', '15b6b668134d654c', 'cancel', 'k04', 1, '2026-01-05 09:00:21.223415+00', NULL, NULL);
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('ad7a5842-3345-4d1f-b90c-ef4b902c1c52', 1, 34, '20260105T090022Z-00000007', 'd0e3f0acaaac028b', 'read', NULL, NULL, '2026-01-05 09:00:22.413585+00', '2026-01-05 09:00:22.520889+00', '200');
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('ad7a5842-3345-4d1f-b90c-ef4b902c1c52', 2, 35, '20260105T090022Z-00000007', 'd0e3f0acaaac028b', 'cancel', 'f01', 1, '2026-01-05 09:00:22.550445+00', NULL, NULL);
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('9fef451d-6425-449f-b44d-99a6a50b04e6', 1, 36, '20260105T090023Z-00000008', '15b6b668134d654c', 'read', NULL, NULL, '2026-01-05 09:00:23.675166+00', '2026-01-05 09:00:23.766091+00', '200');
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('c0e109c8-992d-4f23-8324-a71aa5032c30', 1, 37, '20260105T090024Z-00000009', '15b6b668134d654c', 'read', NULL, NULL, '2026-01-05 09:00:24.901336+00', '2026-01-05 09:00:25.179982+00', '200');
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('c0e109c8-992d-4f23-8324-a71aa5032c30', 2, 38, '20260105T090024Z-00000009', '15b6b668134d654c', 'cancel', 's01', 1, '2026-01-05 09:00:25.206541+00', '2026-01-05 09:00:25.210879+00', 'CONFLICT');
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('c0e109c8-992d-4f23-8324-a71aa5032c30', 3, 39, '20260105T090024Z-00000009', '15b6b668134d654c', 'cancel', 's02', 1, '2026-01-05 09:00:25.211238+00', '2026-01-05 09:00:25.214713+00', 'CONFLICT');
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('c0e109c8-992d-4f23-8324-a71aa5032c30', 4, 40, '20260105T090024Z-00000009', '15b6b668134d654c', 'cancel', 's03', 1, '2026-01-05 09:00:25.215029+00', '2026-01-05 09:00:25.218343+00', '200');
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('c0e109c8-992d-4f23-8324-a71aa5032c30', 5, 41, '20260105T090024Z-00000009', '15b6b668134d654c', 'cancel', 's04', 1, '2026-01-05 09:00:25.218754+00', '2026-01-05 09:00:25.221946+00', '200');
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('fab403ad-8e4e-447e-8213-9286e60cfb61', 1, 42, '20260105T090026Z-0000000a', '15b6b668134d654c', 'read', NULL, NULL, '2026-01-05 09:00:26.814867+00', '2026-01-05 09:00:26.979885+00', '200');
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('fab403ad-8e4e-447e-8213-9286e60cfb61', 2, 43, '20260105T090026Z-0000000a', '15b6b668134d654c', 'cancel', 's09', 1, '2026-01-05 09:00:27.038222+00', '2026-01-05 09:00:27.047293+00', '200');
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('4f7e7f08-762f-470e-9507-862be999b642', 1, 44, '20260105T090029Z-0000000b', '15b6b668134d654c', 'read', NULL, NULL, '2026-01-05 09:00:29.426798+00', '2026-01-05 09:00:29.549355+00', '200');
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('4f7e7f08-762f-470e-9507-862be999b642', 2, 45, '20260105T090029Z-0000000b', '15b6b668134d654c', 'cancel', 'o01', 1, '2026-01-05 09:00:29.581029+00', '2026-01-05 09:00:29.590491+00', '200');
INSERT INTO batchcancel.requests OVERRIDING SYSTEM VALUE VALUES ('4f7e7f08-762f-470e-9507-862be999b642', 3, 46, '20260105T090029Z-0000000b', '15b6b668134d654c', 'cancel', 'o02', 1, '2026-01-05 09:00:29.590835+00', '2026-01-05 09:00:29.594635+00', '200');
INSERT INTO batchcancel.rows VALUES (1, 'd01', 'settled', 'cancelled', NULL, 1, '2026-01-05 09:00:00.490247+00', '2026-01-05 09:00:00.495805+00', 1, '2099-01-15 03:30:00+00', NULL, NULL, NULL, NULL);
INSERT INTO batchcancel.rows VALUES (1, 'd02', 'settled', 'cancelled', NULL, 1, '2026-01-05 09:00:00.496001+00', '2026-01-05 09:00:00.501772+00', 1, '2099-01-15 03:30:00+00', NULL, NULL, NULL, NULL);
INSERT INTO batchcancel.rows VALUES (1, 'd03', 'settled', 'cancelled', NULL, 1, '2026-01-05 09:00:00.501964+00', '2026-01-05 09:00:00.50881+00', 1, '2099-01-15 03:30:00+00', NULL, NULL, NULL, NULL);
INSERT INTO batchcancel.rows VALUES (7, 's02', 'settled', 'refused', 'CONFLICT', 1, '2026-01-05 09:00:25.211238+00', '2026-01-05 09:00:25.214811+00', 2, '2099-01-15 03:30:00+00', NULL, NULL, NULL, NULL);
INSERT INTO batchcancel.rows VALUES (7, 's03', 'settled', 'cancelled', NULL, 1, '2026-01-05 09:00:25.215029+00', '2026-01-05 09:00:25.218448+00', 2, '2099-01-15 03:30:00+00', NULL, NULL, NULL, NULL);
INSERT INTO batchcancel.rows VALUES (7, 's04', 'settled', 'cancelled', NULL, 1, '2026-01-05 09:00:25.218754+00', '2026-01-05 09:00:25.222031+00', 2, '2099-01-15 03:30:00+00', NULL, NULL, NULL, NULL);
INSERT INTO batchcancel.rows VALUES (2, 'i_earlier', 'settled', 'already_cancelled', NULL, 1, '2026-01-05 09:00:04.466888+00', '2026-01-05 09:00:04.479485+00', 1, '2099-01-15 03:30:00+00', NULL, NULL, NULL, NULL);
INSERT INTO batchcancel.rows VALUES (2, 'i_plain', 'settled', 'cancelled', NULL, 1, '2026-01-05 09:00:04.467075+00', '2026-01-05 09:00:04.483515+00', 1, '2099-01-15 03:30:00+00', NULL, NULL, NULL, NULL);
INSERT INTO batchcancel.rows VALUES (2, 'i_refused', 'settled', 'refused', 'CONFLICT', 1, '2026-01-05 09:00:04.467137+00', '2026-01-05 09:00:04.483822+00', 1, '2099-01-15 03:30:00+00', NULL, NULL, NULL, NULL);
INSERT INTO batchcancel.rows VALUES (2, 'i_session', 'settled', 'cancelled', NULL, 1, '2026-01-05 09:00:04.467278+00', '2026-01-05 09:00:04.484041+00', 1, '2099-01-15 03:30:00+00', NULL, '2099-01-15', 'Morning', '934bfdbc-fafd-5ac2-9835-97e3ff79d292');
INSERT INTO batchcancel.rows VALUES (2, 'i_unknown', 'settled', 'not_found', 'NOT_FOUND', 1, '2026-01-05 09:00:04.467342+00', '2026-01-05 09:00:04.484239+00', 1, '2099-01-15 03:30:00+00', NULL, NULL, NULL, NULL);
INSERT INTO batchcancel.rows VALUES (2, 'i_completed', 'settled', 'skipped', 'completed', 0, NULL, '2026-01-05 09:00:04.484456+00', 1, NULL, NULL, NULL, NULL, NULL);
INSERT INTO batchcancel.rows VALUES (7, 's09', 'settled', 'cancelled', NULL, 1, '2026-01-05 09:00:27.038222+00', '2026-01-05 09:00:27.047453+00', 2, '2099-01-15 03:30:00+00', NULL, NULL, NULL, NULL);
INSERT INTO batchcancel.rows VALUES (2, 'i_learned', 'settled', 'cancelled', NULL, 1, '2026-01-05 09:00:04.486948+00', '2026-01-05 09:00:04.491642+00', 1, NULL, '2099-01-15 03:30:00+00', NULL, NULL, NULL);
INSERT INTO batchcancel.rows VALUES (2, 'i_started', 'settled', 'skipped', 'already_started', 0, NULL, NULL, 1, '2020-01-15 03:30:00+00', NULL, NULL, NULL, NULL);
INSERT INTO batchcancel.rows VALUES (2, 'i_gaveup', 'open', 'gave_up', 'SERVICE_UNAVAILABLE', 1, '2026-01-05 09:00:04.467004+00', NULL, 1, '2099-01-15 03:30:00+00', NULL, NULL, NULL, NULL);
INSERT INTO batchcancel.rows VALUES (2, 'i_review', 'settled', 'needs_review', 'changed_after_intent', 1, '2026-01-05 09:00:04.467198+00', '2026-01-05 09:00:07.38471+00', 1, '2099-01-15 03:30:00+00', NULL, NULL, NULL, NULL);
INSERT INTO batchcancel.rows VALUES (3, 's04', 'waiting', NULL, NULL, 0, NULL, NULL, 1, '2099-01-15 03:30:00+00', NULL, NULL, NULL, NULL);
INSERT INTO batchcancel.rows VALUES (3, 's05', 'waiting', NULL, NULL, 0, NULL, NULL, 1, '2099-01-15 03:30:00+00', NULL, NULL, NULL, NULL);
INSERT INTO batchcancel.rows VALUES (3, 's01', 'settled', 'cancelled', NULL, 1, '2026-01-05 09:00:10.696499+00', '2026-01-05 09:00:10.703756+00', 1, '2099-01-15 03:30:00+00', NULL, NULL, NULL, NULL);
INSERT INTO batchcancel.rows VALUES (9, 'o01', 'settled', 'cancelled', NULL, 1, '2026-01-05 09:00:29.581029+00', '2026-01-05 09:00:29.590631+00', 1, '2099-01-15 03:30:00+00', NULL, NULL, NULL, NULL);
INSERT INTO batchcancel.rows VALUES (3, 's02', 'open', 'gave_up', 'SERVICE_UNAVAILABLE', 1, '2026-01-05 09:00:10.738196+00', NULL, 1, '2099-01-15 03:30:00+00', NULL, NULL, NULL, NULL);
INSERT INTO batchcancel.rows VALUES (3, 's03', 'open', 'gave_up', 'SERVICE_UNAVAILABLE', 1, '2026-01-05 09:00:10.755318+00', NULL, 1, '2099-01-15 03:30:00+00', NULL, NULL, NULL, NULL);
INSERT INTO batchcancel.rows VALUES (4, 'i54', 'waiting', NULL, NULL, 0, NULL, NULL, 1, '2099-01-15 03:30:00+00', NULL, NULL, NULL, NULL);
INSERT INTO batchcancel.rows VALUES (9, 'o02', 'settled', 'cancelled', NULL, 1, '2026-01-05 09:00:29.590835+00', '2026-01-05 09:00:29.594749+00', 1, '2099-01-15 03:30:00+00', NULL, NULL, NULL, NULL);
INSERT INTO batchcancel.rows VALUES (4, 'i53', 'open', NULL, NULL, 1, '2026-01-05 09:00:15.065233+00', NULL, 1, '2099-01-15 03:30:00+00', NULL, NULL, NULL, NULL);
INSERT INTO batchcancel.rows VALUES (4, 'i51', 'settled', 'cancelled', NULL, 1, '2026-01-05 09:00:14.910104+00', '2026-01-05 09:00:15.040069+00', 1, '2099-01-15 03:30:00+00', NULL, NULL, NULL, NULL);
INSERT INTO batchcancel.rows VALUES (4, 'i52', 'settled', 'cancelled', NULL, 1, '2026-01-05 09:00:15.040272+00', '2026-01-05 09:00:15.065041+00', 1, '2099-01-15 03:30:00+00', NULL, NULL, NULL, NULL);
INSERT INTO batchcancel.rows VALUES (5, 'k05', 'waiting', NULL, NULL, 0, NULL, NULL, 1, '2099-01-15 03:30:00+00', NULL, NULL, NULL, NULL);
INSERT INTO batchcancel.rows VALUES (5, 'k01', 'settled', 'cancelled', NULL, 1, '2026-01-05 09:00:21.215371+00', '2026-01-05 09:00:21.221209+00', 1, '2099-01-15 03:30:00+00', NULL, NULL, NULL, NULL);
INSERT INTO batchcancel.rows VALUES (5, 'k03', 'open', NULL, NULL, 1, '2026-01-05 09:00:21.221392+00', NULL, 1, '2099-01-15 03:30:00+00', NULL, NULL, NULL, NULL);
INSERT INTO batchcancel.rows VALUES (5, 'k02', 'settled', 'cancelled', NULL, 1, '2026-01-05 09:00:21.215472+00', '2026-01-05 09:00:21.223272+00', 1, '2099-01-15 03:30:00+00', NULL, NULL, NULL, NULL);
INSERT INTO batchcancel.rows VALUES (5, 'k04', 'open', NULL, NULL, 1, '2026-01-05 09:00:21.223415+00', NULL, 1, '2099-01-15 03:30:00+00', NULL, NULL, NULL, NULL);
INSERT INTO batchcancel.rows VALUES (6, 'f02', 'waiting', NULL, NULL, 0, NULL, NULL, 1, '2099-01-15 03:30:00+00', NULL, NULL, NULL, NULL);
INSERT INTO batchcancel.rows VALUES (6, 'f03', 'waiting', NULL, NULL, 0, NULL, NULL, 1, '2099-01-15 03:30:00+00', NULL, NULL, NULL, NULL);
INSERT INTO batchcancel.rows VALUES (6, 'f01', 'open', NULL, NULL, 1, '2026-01-05 09:00:22.550445+00', NULL, 1, '2099-01-15 03:30:00+00', NULL, NULL, NULL, NULL);
INSERT INTO batchcancel.rows VALUES (7, 's01', 'settled', 'refused', 'CONFLICT', 1, '2026-01-05 09:00:25.206541+00', '2026-01-05 09:00:25.210994+00', 1, '2099-01-15 03:30:00+00', NULL, NULL, NULL, NULL);
INSERT INTO batchcancel.runs OVERRIDING SYSTEM VALUE VALUES (1, '20260105T090000Z-00000001', 'done', '2026-01-05 09:00:00+00', '2026-01-05 09:00:00.515925+00', 0);
INSERT INTO batchcancel.runs OVERRIDING SYSTEM VALUE VALUES (2, '20260105T090003Z-00000002', 'incomplete', '2026-01-05 09:00:03.609174+00', NULL, NULL);
INSERT INTO batchcancel.runs OVERRIDING SYSTEM VALUE VALUES (3, '20260105T090006Z-00000003', 'incomplete', '2026-01-05 09:00:06.929667+00', '2026-01-05 09:00:07.390121+00', 4);
INSERT INTO batchcancel.runs OVERRIDING SYSTEM VALUE VALUES (4, '20260105T090010Z-00000004', 'stopped', '2026-01-05 09:00:10.195414+00', '2026-01-05 09:00:10.820894+00', 5);
INSERT INTO batchcancel.runs OVERRIDING SYSTEM VALUE VALUES (5, '20260105T090014Z-00000005', 'interrupted', '2026-01-05 09:00:14.61213+00', '2026-01-05 09:00:18.136157+00', 130);
INSERT INTO batchcancel.runs OVERRIDING SYSTEM VALUE VALUES (6, '20260105T090020Z-00000006', 'killed', '2026-01-05 09:00:20.791856+00', NULL, NULL);
INSERT INTO batchcancel.runs OVERRIDING SYSTEM VALUE VALUES (7, '20260105T090022Z-00000007', 'fatal', '2026-01-05 09:00:22.402424+00', '2026-01-05 09:00:22.556453+00', 7);
INSERT INTO batchcancel.runs OVERRIDING SYSTEM VALUE VALUES (8, '20260105T090023Z-00000008', 'refused', '2026-01-05 09:00:23.666552+00', '2026-01-05 09:00:23.774285+00', 3);
INSERT INTO batchcancel.runs OVERRIDING SYSTEM VALUE VALUES (9, '20260105T090024Z-00000009', 'several', '2026-01-05 09:00:24.8917+00', '2026-01-05 09:00:25.228847+00', 4);
INSERT INTO batchcancel.runs OVERRIDING SYSTEM VALUE VALUES (10, '20260105T090026Z-0000000a', 'several', '2026-01-05 09:00:26.745337+00', '2026-01-05 09:00:27.055087+00', 4);
INSERT INTO batchcancel.runs OVERRIDING SYSTEM VALUE VALUES (11, '20260105T090029Z-0000000b', 'other', '2026-01-05 09:00:29.41818+00', '2026-01-05 09:00:29.597384+00', 0);
INSERT INTO batchcancel.version VALUES (1);
SELECT pg_catalog.setval('batchcancel.batches_batch_id_seq', 9, true);
SELECT pg_catalog.setval('batchcancel.requests_number_seq', 46, true);
SELECT pg_catalog.setval('batchcancel.runs_number_seq', 11, true);
SELECT pg_catalog.setval('batchcancel.slots_slot_seq', 1, false);
SELECT pg_catalog.setval('batchcancel.tokens', 11, true);
ALTER TABLE ONLY batchcancel.batches
    ADD CONSTRAINT batches_name_key UNIQUE (name);
ALTER TABLE ONLY batchcancel.batches
    ADD CONSTRAINT batches_pkey PRIMARY KEY (batch_id);
ALTER TABLE ONLY batchcancel.leases
    ADD CONSTRAINT leases_pkey PRIMARY KEY (batch);
ALTER TABLE ONLY batchcancel.requests
    ADD CONSTRAINT requests_pkey PRIMARY KEY (session, request);
ALTER TABLE ONLY batchcancel.rows
    ADD CONSTRAINT rows_pkey PRIMARY KEY (batch_id, appointment_id);
ALTER TABLE ONLY batchcancel.runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (run_id);
ALTER TABLE ONLY batchcancel.slots
    ADD CONSTRAINT slots_pkey PRIMARY KEY (slot);
ALTER TABLE ONLY batchcancel.windows
    ADD CONSTRAINT windows_pkey PRIMARY KEY (key);
CREATE INDEX rejected_rows_of_batch ON batchcancel.rejected_rows USING btree (batch_id);
CREATE INDEX requests_of_key ON batchcancel.requests USING btree (key, sent_at);
CREATE INDEX slots_of_key ON batchcancel.slots USING btree (key, counted_by);
