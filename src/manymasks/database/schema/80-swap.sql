CREATE TABLE mask_swap (
    artifact VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    donor VARCHAR NOT NULL,
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
COMMENT ON TABLE mask_swap IS 'What the next letters law follows when a part of the past is taken from a donor; beside members the exact law, put through the same sums. Grain: artifact, model, donor, site, layer, letters.';
COMMENT ON COLUMN mask_swap.artifact IS 'Swap artifact';
COMMENT ON COLUMN mask_swap.model IS 'Member; bayes: the exact law, which has no layers: past in all of them, or residual at 0';
COMMENT ON COLUMN mask_swap.donor IS 'other mask: the donor speaks another mask than the recipient, after its premise. same mask: another document of the recipients mask and premise';
COMMENT ON COLUMN mask_swap.site IS 'What the donor gives. residual: the stream of the last position. past: the keys and values of all earlier positions';
COMMENT ON COLUMN mask_swap.layer IS 'residual: blocks that the stream has gone through, 0 for the last letter alone, all of them left out as nothing of the recipient is left; past: the layer whose keys and values they are, -1 for all layers';
COMMENT ON COLUMN mask_swap.followed IS 'Share a in 0 to 1 that brings (1 - a) recipient + a donor closest to the law after the swap; pooled over documents';
COMMENT ON COLUMN mask_swap.followed_low IS 'Lower end of its interval over documents';
COMMENT ON COLUMN mask_swap.from_recipient IS 'Mean KL from the law after the swap to the recipients, nats';
COMMENT ON COLUMN mask_swap.from_donor IS 'Mean KL from it to the donors, nats';
COMMENT ON COLUMN mask_swap.apart IS 'Mean KL from the donors law to the recipients without a swap, nats';
COMMENT ON COLUMN mask_swap.documents IS 'Pairs of documents';
