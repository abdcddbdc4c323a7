CREATE TABLE mask_swap (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    site VARCHAR NOT NULL,
    layer INTEGER NOT NULL,
    letters INTEGER NOT NULL,
    followed DOUBLE,
    followed_low DOUBLE,
    followed_high DOUBLE,
    from_recipient DOUBLE,
    from_donor DOUBLE,
    apart DOUBLE,
    documents INTEGER
);
COMMENT ON TABLE mask_swap IS 'What the next letters law follows when a part of the past is taken from a donor of another mask. Grain: artifact, model, site, layer, letters.';
COMMENT ON COLUMN mask_swap.artifact IS 'Swap artifact';
COMMENT ON COLUMN mask_swap.model IS 'Member';
COMMENT ON COLUMN mask_swap.site IS 'residual: the stream of the last position. past: the keys and values of all earlier positions';
COMMENT ON COLUMN mask_swap.layer IS 'residual: blocks that the stream has gone through; past: the layer whose keys and values they are, -1 for all layers';
COMMENT ON COLUMN mask_swap.letters IS 'Letters of the prompt';
COMMENT ON COLUMN mask_swap.followed IS 'Share a in 0 to 1 that brings (1 - a) recipient + a donor closest to the law after the swap; pooled over documents';
COMMENT ON COLUMN mask_swap.followed_low IS 'Lower end of its interval over documents';
COMMENT ON COLUMN mask_swap.followed_high IS 'Upper end of its interval';
COMMENT ON COLUMN mask_swap.from_recipient IS 'Mean KL from the law after the swap to the recipients, nats';
COMMENT ON COLUMN mask_swap.from_donor IS 'Mean KL from it to the donors, nats';
COMMENT ON COLUMN mask_swap.apart IS 'Mean KL from the donors law to the recipients without a swap, nats';
COMMENT ON COLUMN mask_swap.documents IS 'Pairs of documents';
