"""Lists as frames, Arrow streams, Parquet files and copies."""
