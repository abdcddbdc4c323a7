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
COMMENT ON TABLE mask_swap IS 'A member (or the exact predictor) and a site at a layer, with the share of the donor in its prediction of the next letter. The rows behind swap_by_layer. Grain: artifact, model, donor, site, layer, letters.';
COMMENT ON COLUMN mask_swap.artifact IS 'Swap artifact';
COMMENT ON COLUMN mask_swap.model IS 'Member; bayes: the exact predictor, which has no layers: past in all of them, or residual at 0';
COMMENT ON COLUMN mask_swap.donor IS 'other mask: a document with another mask and premise. same mask: another document with the recipient''s mask and premise';
COMMENT ON COLUMN mask_swap.site IS 'Part that is replaced. residual: the residual stream of the last position. past: the keys and values of all earlier positions';
COMMENT ON COLUMN mask_swap.layer IS 'residual: blocks before the swap, 0 for the last letter alone (after all blocks nothing of the recipient is left, so that one is omitted); past: the layer of the keys and values, -1 for all layers';
COMMENT ON COLUMN mask_swap.followed IS 'Share a in [0, 1] that brings (1 - a) recipient + a donor closest to the prediction after the swap; pooled over documents';
COMMENT ON COLUMN mask_swap.followed_low IS 'Lower end of its interval over documents';
COMMENT ON COLUMN mask_swap.from_recipient IS 'Mean KL from the prediction after the swap to that of the recipient, nats';
COMMENT ON COLUMN mask_swap.from_donor IS 'Mean KL from the prediction after the swap to that of the donor, nats';
COMMENT ON COLUMN mask_swap.apart IS 'Mean KL from the donor''s prediction to the recipient''s without a swap, nats';
COMMENT ON COLUMN mask_swap.documents IS 'Pairs of documents';
