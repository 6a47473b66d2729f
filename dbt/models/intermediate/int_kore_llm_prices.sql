-- Every price, of your contract and public, and for which days (UTC) and which sizes of a prompt it holds. A newer price
-- replaces the older with all its steps.
with prices as (
    select
        'own' as price_source,
        cast(null as {{ dbt.type_string() }}) as provider,
        model,
        valid_from,
        cast(null as date) as valid_until,
        coalesce(prompt_tokens_above, 0) as prompt_tokens_above,
        input_usd_per_million,
        cache_read_usd_per_million,
        cache_write_usd_per_million,
        output_usd_per_million,
        reasoning_usd_per_million
    from ({{ own_price_rows() }}) as own_prices

    union all

    select
        'public' as price_source,
        cast(provider as {{ dbt.type_string() }}) as provider,
        cast(model as {{ dbt.type_string() }}) as model,
        cast(valid_from as date) as valid_from,
        cast(valid_until as date) as valid_until,
        coalesce(cast(prompt_tokens_above as {{ type_integer() }}), 0) as prompt_tokens_above,
        cast(input_usd_per_million as {{ type_price() }}) as input_usd_per_million,
        cast(cache_read_usd_per_million as {{ type_price() }}) as cache_read_usd_per_million,
        cast(cache_write_usd_per_million as {{ type_price() }}) as cache_write_usd_per_million,
        cast(output_usd_per_million as {{ type_price() }}) as output_usd_per_million,
        cast(reasoning_usd_per_million as {{ type_price() }}) as reasoning_usd_per_million
    from {{ public_prices() }}
),

keyed as (
    select
        *,
        {{ price_key('model') }} as price_key,
        coalesce(valid_from, cast('1970-01-01' as date)) as first_day
    from prices
),

versions as (
    select
        price_source,
        provider,
        price_key,
        first_day,
        -- A model that a price list learnt of late was called before: its first price holds from the list's first day.
        case
            when price_source = 'public' and lag(first_day) over (
                partition by price_source, provider, price_key order by first_day
            ) is null
                then min(first_day) over (partition by price_source)
            else first_day
        end as holds_from,
        lead(first_day) over (partition by price_source, provider, price_key order by first_day) as next_day
    from (select distinct price_source, provider, price_key, first_day from keyed) as days
),

shortened as (
    select price_key, {{ plain_key('price_key') }} as plain_key
    from (select distinct price_key from keyed where price_source = 'public') as keys
)

select
    keyed.price_source,
    keyed.provider,
    keyed.price_key,
    -- Of an id with a region, which may cost more, only the whole name counts.
    case
        when keyed.price_key not like 'ft:%' and not {{ matches('keyed.price_key', '^(us-gov|us|eu|apac|ap|au|jp|ca|sa|in|global)-') }}
            then {{ short_key('shortened.plain_key') }}
    end as short_key,
    keyed.model as priced_model,
    versions.holds_from as valid_from,
    -- Until the model's next price, not included.
    case
        when keyed.valid_until < versions.next_day then keyed.valid_until
        else coalesce(versions.next_day, keyed.valid_until)
    end as valid_until,
    keyed.prompt_tokens_above,
    -- To the next step of the prompt's size, included.
    lead(keyed.prompt_tokens_above) over (
        partition by keyed.price_source, keyed.provider, keyed.price_key, keyed.first_day
        order by keyed.prompt_tokens_above
    ) as prompt_tokens_up_to,
    keyed.input_usd_per_million,
    coalesce(keyed.cache_read_usd_per_million, keyed.input_usd_per_million) as cache_read_usd_per_million,
    coalesce(keyed.cache_write_usd_per_million, keyed.input_usd_per_million) as cache_write_usd_per_million,
    keyed.output_usd_per_million,
    coalesce(keyed.reasoning_usd_per_million, keyed.output_usd_per_million) as reasoning_usd_per_million
from keyed
inner join versions
    on keyed.price_source = versions.price_source
    and coalesce(keyed.provider, '') = coalesce(versions.provider, '')
    and keyed.price_key = versions.price_key
    and keyed.first_day = versions.first_day
left join shortened on keyed.price_key = shortened.price_key
